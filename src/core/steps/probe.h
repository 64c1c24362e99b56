/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"

/* Steps that wait until what was started answers: the database a login, the application its health path. */
int start_login(StepRun *run);
int start_health(StepRun *run);
