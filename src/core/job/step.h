/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/job/job.h"
#include "core/job/plan.h"

/* What there is to be known of a job's steps. */

/* Whether all that it comes after is done. */
bool step_is_ready(const Job *job, const Step *step);
bool job_has_running_steps(const Job *job);
/* Whether no step is begun any more: it has failed, or was cancelled. */
bool job_is_winding_down(const Job *job);

/* Tells the journal that the step is done, or how it failed; secrets are blotted out. */
void step_log(StepRun *run, int level, int error, const char *reason);
