/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"
#include "core/job/plan.h"

/* The steps that make an instance. */
extern const Plan create_plan;

/* What creating makes, and restarting makes again where it is gone. Each finds what is there. */
int step_write_compose(StepRun *run);
int step_app_image(StepRun *run);
int step_database_image(StepRun *run);
int step_create_ingress(StepRun *run);
int step_create_network(StepRun *run);
