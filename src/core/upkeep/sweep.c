/* SPDX-License-Identifier: MIT */

/* What carries this deployment's labels and belongs to an instance that is known to be gone. */

#include "core/upkeep/sweep.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/recovery/generation.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/compose-file.h"
#include "core/upkeep/behind.h"
#include "core/upkeep/check.h"
#include "core/upkeep/compare.h"
#include "core/upkeep/lost.h"
#include "core/upkeep/owner.h"
#include "core/upkeep/ownerless.h"
#include "core/upkeep/tidy.h"

#define LIST_TIMEOUT_USEC   (30 * USEC_PER_SEC)
#define REMOVE_TIMEOUT_USEC (60 * USEC_PER_SEC)

typedef struct Orphan {
        ResourceKind kind;
        char *name, *instance_id;
        bool has_volume; /* of its instance, for which the compose file has the password */
} Orphan;

/* The sweep: one thing after the other, containers before networks. */
struct Sweep {
        Manager *manager;
        Pending *pending;
        Orphan *orphans;
        size_t n, next;
        bool again; /* something came to be since the list was made */
        bool failed; /* it did not get to the end of it all */
};

/* A sweep that did not get through is repeated after this long, then after twice as long each time, five minutes at the
 * most. */
#define RETRY_USEC          USEC_PER_SEC
#define RETRY_DOUBLINGS_MAX 8
#define RETRY_ACCURACY      USEC_PER_SEC

static void orphan_done(Orphan *orphan)
{
        free(orphan->name);
        free(orphan->instance_id);
}

static Sweep *sweep_free(Sweep *sweep)
{
        if (!sweep)
                return NULL;
        pending_cancel(sweep->pending);
        for (size_t i = 0; i < sweep->n; i++)
                orphan_done(sweep->orphans + i);
        free(sweep->orphans);
        return mfree(sweep);
}

void sweep_cancel(Manager *m)
{
        m->sweep_retry = sd_event_source_disable_unref(m->sweep_retry);
        m->sweep = sweep_free(m->sweep);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        m->sweep_retry = sd_event_source_disable_unref(m->sweep_retry);
        sweep_run(m);
        return 0;
}

void sweep_later(Manager *m)
{
        unsigned doublings =
                        m->sweep_failures < RETRY_DOUBLINGS_MAX ? m->sweep_failures : RETRY_DOUBLINGS_MAX;

        m->sweep_retry = sd_event_source_disable_unref(m->sweep_retry);
        manager_call_later(m, RETRY_USEC << doublings, RETRY_ACCURACY, on_retry, m, &m->sweep_retry);
}

static void sweep_end(Sweep *sweep)
{
        Manager *m = sweep->manager;
        bool again = sweep->again, failed = sweep->failed;

        m->sweep = sweep_free(sweep);
        if (failed) {
                sweep_later(m);
                m->sweep_failures++;
        } else
                m->sweep_failures = 0;
        if (again)
                sweep_run(m);
}

static void sweep_fail(Sweep *sweep)
{
        sweep->failed = true;
        sweep_end(sweep);
}

static int sweep_add(Sweep *sweep, const Resource *resource)
{
        Orphan orphan = { resource->kind, strdup(resource->name), strdup(resource->instance_id), false };
        Orphan *grown = reallocarray(sweep->orphans, sweep->n + 1, sizeof(Orphan));

        if (grown)
                sweep->orphans = grown;
        if (!orphan.name || !orphan.instance_id || !grown) {
                orphan_done(&orphan);
                return -ENOMEM;
        }
        sweep->orphans[sweep->n++] = orphan;
        return 0;
}

static void sweep_find_volumes(Sweep *sweep, const Resource *items, size_t n)
{
        for (size_t k = 0; k < sweep->n; k++)
                for (size_t i = 0; i < n; i++)
                        if (items[i].kind == RESOURCE_VOLUME &&
                                        streq(items[i].instance_id, sweep->orphans[k].instance_id))
                                sweep->orphans[k].has_volume = true;
}

static int sweep_collect(Sweep *sweep, const Resource *items, size_t n)
{
        static const ResourceKind order[] = { RESOURCE_CONTAINER, RESOURCE_NETWORK };

        for (size_t k = 0; k < ELEMENTSOF(order); k++)
                for (size_t i = 0; i < n; i++) {
                        int r;

                        /* The network that all have in common has no instance. */
                        if (items[i].kind != order[k] || !*items[i].instance_id ||
                                        resource_has_owner(sweep->manager, &items[i]))
                                continue;
                        r = sweep_add(sweep, &items[i]);
                        if (r < 0)
                                return r;
                }
        return 0;
}

/* It holds secrets of what has just been removed; what a volume is opened with stays as long as that. */
static void sweep_remove_compose(const Sweep *sweep, const Orphan *orphan)
{
        int r = 0;

        if (instance_id_is_valid(orphan->instance_id) && !orphan->has_volume)
                r = compose_remove(sweep->manager->compose_dir, orphan->instance_id);
        if (r < 0)
                log_warning_errno(r, "The compose file of %s cannot be removed: %m", orphan->instance_id);
}

static void sweep_continue(Sweep *sweep);

static void on_removed(int error, const char *reason, void *userdata)
{
        Sweep *sweep = userdata;
        const Orphan *orphan = &sweep->orphans[sweep->next++];

        sweep->pending = NULL;
        sweep->failed = sweep->failed || error < 0;
        if (error < 0)
                log_full(LOG_WARNING, error,
                                LOG_ABOUT(.instance = orphan->instance_id,
                                                .message_id = MESSAGE_ORPHAN_STUCK),
                                "%s belongs to no instance, but could not be removed: %s", orphan->name,
                                strempty(reason));
        else {
                log_full(LOG_NOTICE, 0,
                                LOG_ABOUT(.instance = orphan->instance_id,
                                                .message_id = MESSAGE_ORPHAN_REMOVED),
                                "Removed %s, which belonged to no instance", orphan->name);
                sweep_remove_compose(sweep, orphan);
        }
        sweep_continue(sweep);
}

/* What volumes hold is never removed by itself, be they anonymous: a container goes without those it has. */
static int sweep_remove(Sweep *sweep, const Orphan *orphan)
{
        EnginePort *engine = sweep->manager->engine;

        if (orphan->kind == RESOURCE_CONTAINER)
                return engine->vtable->clear_container(engine, orphan->name, REMOVE_TIMEOUT_USEC, on_removed,
                                sweep, &sweep->pending);
        return engine->vtable->remove_network(
                        engine, orphan->name, REMOVE_TIMEOUT_USEC, on_removed, sweep, &sweep->pending);
}

static void sweep_continue(Sweep *sweep)
{
        for (; sweep->next < sweep->n; sweep->next++) {
                const Orphan *orphan = &sweep->orphans[sweep->next];
                int r = sweep_remove(sweep, orphan);

                if (r >= 0)
                        return;
                sweep->failed = true;
                log_warning_errno(r, "%s belongs to no instance, but cannot be removed: %m", orphan->name);
        }
        sweep_end(sweep);
}

/* ---- Whose store this is ---- */

static void on_marked(int error, const char *reason, void *userdata)
{
        Sweep *sweep = userdata;
        Manager *m = sweep->manager;

        sweep->pending = NULL;
        m->marked = error >= 0;
        sweep->failed = !m->marked;
        sweep_end(sweep);
}

/* The first time, with nothing in the engine that the store does not know: from now on it is believed. */
static void sweep_mark(Sweep *sweep)
{
        Manager *m = sweep->manager;
        const StoreWrite write = { STORE_PUT, STORE_MARK, m->deployment, "{}" };

        if (m->store->vtable->commit(m->store, &write, 1, MANAGER_STORE_TIMEOUT_USEC, on_marked, sweep,
                            &sweep->pending) < 0)
                sweep_fail(sweep);
}

/* A store that is another deployment's says nothing of what is here. */
static bool sweep_may_remove(Sweep *sweep)
{
        Manager *m = sweep->manager;

        if (m->marked)
                return true;
        if (m->marked_for)
                sweep_end(sweep); /* that was told when it was read */
        else if (unknown_count(m) == 0)
                sweep_mark(sweep);
        else
                return true;
        return false;
}

static void on_listed(int error, const char *reason, const Resource *items, size_t n, void *userdata)
{
        Sweep *sweep = userdata;
        Manager *m = sweep->manager;

        sweep->pending = NULL;
        if (error < 0) {
                log_warning("The engine's resources could not be listed: %s", strempty(reason));
                sweep_fail(sweep);
                ownerless_look_later(m);
                return;
        }
        unknown_update(m, items, n);
        if (behind_update(m, items, n) == 0 && unknown_count(m) == 0)
                generation_settle(m);
        lost_update(m, items, n);
        ownerless_update(m, items, n);
        compare_update(m, items, n);
        if (!sweep_may_remove(sweep))
                return;
        if (sweep_collect(sweep, items, n) < 0) {
                sweep->failed = true;
                log_oom();
        }
        sweep_find_volumes(sweep, items, n);
        sweep_continue(sweep);
}

void sweep_run(Manager *m)
{
        if (!m->loaded || !manager_engine_connected(m))
                return; /* done when both are there */
        if (m->sweep) {
                m->sweep->again = true;
                return;
        }
        m->sweep_retry = sd_event_source_disable_unref(m->sweep_retry);
        m->sweep = new0(Sweep, 1);
        if (!m->sweep) {
                log_oom();
                sweep_later(m);
                return;
        }
        m->sweep->manager = m;
        if (m->engine->vtable->list_resources(
                            m->engine, LIST_TIMEOUT_USEC, on_listed, m->sweep, &m->sweep->pending) < 0)
                sweep_fail(m->sweep);
}

void sweep_all(Manager *m)
{
        if (!m->loaded || !manager_engine_connected(m))
                return;
        for (struct lh_entry *e = m->instances->head; e; e = e->next)
                check_instance(m, ((Instance *) lh_entry_v(e))->id);
        job_tidy_all(m);
        sweep_run(m);
}
