/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/job/job.h"

/* Has the steps that are to be done once more (Job.rewind) wait again, where none of them is under way any more. False
 * while one is: nothing may be begun then. */
bool job_settle_rewind(Job *job);
