/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/plan.h"
#include "core/model/instance.h"
#include "core/registry/context.h"

/* Goes on with a job that was found in the store, begun so many times before. 0 or a negative errno. */
int job_resume(Manager *manager, Instance *instance, const Plan *plan, unsigned attempts);
