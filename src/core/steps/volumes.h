/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"

/* Steps for the volumes that an image declares, beside the database's own. */

/* Makes them: the database's where the step is for that only. */
int step_make_volumes(StepRun *run);
/* Has those of an application whose user is its own belong to that, once its container is there. */
int step_give_volumes(StepRun *run);
/* Removes whatever else carries the instance's labels, and the volumes that its record remembers. */
int step_remove_rest(StepRun *run);
