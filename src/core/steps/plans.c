/* SPDX-License-Identifier: MIT */
#include "core/steps/plans.h"

#include <assert.h>

#include "core/job/plan.h"
#include "core/registry/counters.h"
#include "core/steps/create.h"
#include "core/steps/remove.h"
#include "core/steps/restart.h"

const Plan *const plans[] = {
        &create_plan,
        &delete_plan,
        &restart_plan,
        NULL,
};
static_assert(ELEMENTSOF(plans) - 1 <= PLANS_MAX, "each kind of job has a counter");
