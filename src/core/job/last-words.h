/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/job/job.h"

/* Reads the last words of the container that made the job fail, as they are gone with it. Calls then once that has come
 * to its end; false where there is nothing to wait for. */
bool job_collect_log(Job *job, void (*then)(Job *job));
