/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/ports.h"

/* The steps that take an instance away; creating undoes with them, too. */
extern const Plan delete_plan;

int step_remove_app(StepRun *run);
int step_remove_database(StepRun *run);
int step_remove_volume(StepRun *run);
/* The same, with another continuation than step_done(). */
int remove_volume_then(StepRun *run, PortDone then);
int step_remove_network(StepRun *run);
int step_remove_compose(StepRun *run);
