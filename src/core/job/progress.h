/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/job/job.h"

/* Takes phase, progress and message of the job's instance from the steps, for those who watch it. Answers whether what
 * there is to be seen has changed; *ret_entered: whether that is another phase. */
bool progress_update(Job *job, bool *ret_entered);
