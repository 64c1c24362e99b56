/* SPDX-License-Identifier: MIT */

/* What the engine did not tell: an event that it dropped, or that there is none for. */

#include "basic/time-util.h"
#include "core/manager-internal.h"
#include "core/reconcile.h"

#define UPKEEP_USEC     (5 * USEC_PER_MINUTE)
#define UPKEEP_ACCURACY (10 * USEC_PER_SEC)

static int on_upkeep(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        reconcile_start(m);
        reconcile_resources(m);
        return 0;
}

void reconcile_start(Manager *m)
{
        m->upkeep = sd_event_source_disable_unref(m->upkeep);
        manager_call_later(m, UPKEEP_USEC, UPKEEP_ACCURACY, on_upkeep, m, &m->upkeep);
}

/* Hundreds that run as they should cost no look each. */
static bool is_as_listed(const Instance *i)
{
        return i->status == INSTANCE_RUNNING && streq_ptr(i->message, instance_ready_message) &&
               i->listed_running == (i->has_database ? 2 : 1);
}

void reconcile_compare(Manager *m, const Resource *items, size_t n)
{
        for (struct lh_entry *e = m->instances->head; e; e = e->next)
                ((Instance *) lh_entry_v(e))->listed_running = 0;
        for (size_t k = 0; k < n; k++) {
                Instance *i = items[k].running ? manager_find_instance(m, items[k].instance_id) : NULL;

                if (i)
                        i->listed_running++;
        }
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                if (!is_as_listed(i))
                        reconcile_instance(m, i->id);
        }
}
