/* SPDX-License-Identifier: MIT */

/* What a failed create could not take away, as when the engine was away for too long, is taken away later: at each
 * start, and when engine or store come back. An instance that has ever been ready is not touched. */

#include "core/upkeep/tidy.h"

#include "basic/log.h"
#include "core/job/plan.h"
#include "core/job/resume.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/registry/context.h"
#include "core/registry/state.h"

void job_tidy_all(Manager *m)
{
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);
                int r;

                if (i->job || i->doubted || !instance_is_left_behind(i))
                        continue;
                r = job_resume(m, i, plan_find(m, ARK_JOB_CREATE), 0);
                if (r < 0)
                        log_error_errno(r, "What is left of instance %s cannot be removed: %m", i->id);
        }
}
