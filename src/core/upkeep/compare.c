/* SPDX-License-Identifier: MIT */

/* What the engine did not tell: an event that it dropped, or that there is none for. */

#include "core/upkeep/compare.h"

#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/upkeep/check.h"

/* Hundreds that run as they should cost no look each. */
static bool is_as_listed(const Instance *i)
{
        return i->status == INSTANCE_RUNNING && streq_ptr(i->message, instance_ready_message) &&
               i->listed_running == (i->has_database ? 2 : 1);
}

void compare_update(Manager *m, const Resource *items, size_t n)
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
                        check_instance(m, i->id);
        }
}
