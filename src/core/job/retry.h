/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/job/job.h"

/* Whether what failed so may succeed later without anything having changed in what it is about. */
bool step_must_wait(const StepRun *run, int error);

/* When to try a step again that must wait: so many µs later, or UINT64_MAX for when the engine is back. */
uint64_t step_pause_usec(const StepRun *run, int error);

/* Removing is tried several times: the engine may be busy with the thing. Counts this attempt, and answers how many µs
 * later the next one is due, or UINT64_MAX where to give up. */
uint64_t step_removal_usec(StepRun *run);
