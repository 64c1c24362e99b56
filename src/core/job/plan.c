/* SPDX-License-Identifier: MIT */
#include "core/job/plan.h"

#include <assert.h>

#include "basic/string-util.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/registry/state.h"

const Plan *plan_find(const Manager *m, const char *name)
{
        for (const Plan *const *plan = m->plans; *plan; plan++)
                if (streq((*plan)->name, name))
                        return *plan;
        return NULL;
}

size_t plan_index(const Manager *m, const Plan *plan)
{
        size_t i = 0;

        while (m->plans[i] != plan)
                i++;
        assert(i < PLANS_MAX);
        return i;
}
