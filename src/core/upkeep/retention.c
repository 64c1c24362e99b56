/* SPDX-License-Identifier: MIT */
#include "core/upkeep/retention.h"

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"

#define INTERVAL_USEC USEC_PER_MINUTE
#define FAILED_MAX    500
#define KEYED_MAX     5000
#define AT_ONCE_MAX   256 /* records a round: the rest the next time */

static bool is_gone(const Instance *i)
{
        return i->stored && !i->job && !instance_has_resources(i);
}

static bool has_outlived(const Manager *m, const Instance *i, uint64_t now)
{
        uint64_t since = i->deleted_usec ? i->deleted_usec : i->created_usec;

        return now >= since && now - since >= m->tombstone_usec;
}

typedef struct Counts {
        unsigned failed, keyed;
} Counts;

static Counts count_gone(const Manager *m, uint64_t now)
{
        Counts n = { 0 };

        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                if (!is_gone(i))
                        continue;
                n.failed += i->status == INSTANCE_FAILED;
                n.keyed += instance_is_repeatable(i, now);
        }
        return n;
}

/* n: those that are still there. A key answers with its instance for a day, whatever became of that. */
static bool may_go(const Manager *m, const Instance *i, const Counts *n, uint64_t now)
{
        bool surplus = i->status == INSTANCE_FAILED && n->failed > FAILED_MAX;

        if (!is_gone(i))
                return false;
        if (instance_is_repeatable(i, now))
                return n->keyed > KEYED_MAX;
        return surplus || has_outlived(m, i, now);
}

/* Registry first: where the store is away or refuses, the record is found at the next load, and dropped then. */
static void retention_drop(Manager *m, Instance *i)
{
        if (i->status != INSTANCE_DELETED)
                manager_notify(m, MANAGER_INSTANCE_REMOVED, i, NULL);
        manager_remove_instance(m, i);
}

static void on_dropped(int error, const char *reason, void *userdata)
{
        Manager *m = userdata;

        m->retaining = NULL;
        if (error < 0)
                log_debug("Old records are not out of the store yet: %s", strempty(reason));
}

static void retention_commit(Manager *m, char *const *ids)
{
        size_t n = strv_length(ids);
        _cleanup_free_ StoreWrite *writes = new0(StoreWrite, n);

        if (!ids || n == 0 || !writes)
                return;
        for (size_t k = 0; k < n; k++)
                writes[k] = (StoreWrite){ STORE_DELETE, STORE_INSTANCE, ids[k] };
        (void) m->store->vtable->commit(
                        m->store, writes, n, MANAGER_STORE_TIMEOUT_USEC, on_dropped, m, &m->retaining);
}

void retention_run(Manager *m)
{
        _cleanup_(strv_freep) char **ids = NULL;
        uint64_t now = now_realtime();
        struct lh_entry *next;
        unsigned n = 0;
        Counts left;

        if (m->retaining || !manager_store_connected(m) ||
                        now_monotonic() < m->retained_usec + INTERVAL_USEC)
                return;
        m->retained_usec = now_monotonic();
        left = count_gone(m, now);
        /* Oldest first, so that of too many the latest stay. */
        for (struct lh_entry *e = m->instances->head; e && n < AT_ONCE_MAX; e = next) {
                Instance *i = lh_entry_v(e);

                next = e->next;
                if (!may_go(m, i, &left, now))
                        continue;
                if (strv_extend(&ids, i->id) < 0)
                        break;
                left.failed -= i->status == INSTANCE_FAILED;
                left.keyed -= instance_is_repeatable(i, now);
                retention_drop(m, i);
                n++;
        }
        retention_commit(m, ids);
}
