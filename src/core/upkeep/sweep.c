/* SPDX-License-Identifier: MIT */

/* What carries this deployment's labels and belongs to no instance. */

#include <errno.h>

#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/compose.h"
#include "core/job.h"
#include "core/manager-internal.h"
#include "core/names.h"
#include "core/reconcile.h"

#define LIST_TIMEOUT_USEC   (30 * USEC_PER_SEC)
#define REMOVE_TIMEOUT_USEC (60 * USEC_PER_SEC)

typedef struct Orphan {
        ResourceKind kind;
        char *name, *instance_id;
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

void reconcile_cancel(Manager *m)
{
        m->sweep_retry = sd_event_source_disable_unref(m->sweep_retry);
        m->sweep = sweep_free(m->sweep);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        m->sweep_retry = sd_event_source_disable_unref(m->sweep_retry);
        reconcile_resources(m);
        return 0;
}

void reconcile_resources_later(Manager *m)
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
                reconcile_resources_later(m);
                m->sweep_failures++;
        } else
                m->sweep_failures = 0;
        if (again)
                reconcile_resources(m);
}

static void sweep_fail(Sweep *sweep)
{
        sweep->failed = true;
        sweep_end(sweep);
}

/* An instance owns what is labelled with it from the moment its job is stored until its deletion is. */
bool reconcile_has_owner(Manager *m, const Resource *resource)
{
        const Instance *i = manager_find_instance(m, resource->instance_id);

        if (!i)
                return strv_contains(m->damaged, resource->instance_id);
        if (i->job || !i->stored)
                return true;
        return instance_has_resources(i);
}

static int sweep_add(Sweep *sweep, const Resource *resource)
{
        Orphan orphan = { resource->kind, strdup(resource->name), strdup(resource->instance_id) };
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

static int sweep_collect(Sweep *sweep, const Resource *items, size_t n)
{
        static const ResourceKind order[] = { RESOURCE_CONTAINER, RESOURCE_NETWORK };

        for (size_t k = 0; k < ELEMENTSOF(order); k++)
                for (size_t i = 0; i < n; i++) {
                        int r;

                        /* The network that all have in common has no instance. */
                        if (items[i].kind != order[k] || !*items[i].instance_id ||
                                        reconcile_has_owner(sweep->manager, &items[i]))
                                continue;
                        r = sweep_add(sweep, &items[i]);
                        if (r < 0)
                                return r;
                }
        return 0;
}

/* It holds secrets of what has just been removed. */
static void sweep_remove_compose(const Sweep *sweep, const char *instance_id)
{
        int r = instance_id_is_valid(instance_id) ? compose_remove(sweep->manager->compose_dir, instance_id)
                                                  : 0;

        if (r < 0)
                log_warning_errno(r, "The compose file of %s cannot be removed: %m", instance_id);
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
                sweep_remove_compose(sweep, orphan->instance_id);
        }
        sweep_continue(sweep);
}

static void sweep_continue(Sweep *sweep)
{
        EnginePort *engine = sweep->manager->engine;

        for (; sweep->next < sweep->n; sweep->next++) {
                const Orphan *orphan = &sweep->orphans[sweep->next];
                int r;

                r = orphan->kind == RESOURCE_CONTAINER ? engine->vtable->remove_container(engine,
                                                                         orphan->name, REMOVE_TIMEOUT_USEC,
                                                                         on_removed, sweep, &sweep->pending)
                                                       : engine->vtable->remove_network(engine, orphan->name,
                                                                         REMOVE_TIMEOUT_USEC, on_removed,
                                                                         sweep, &sweep->pending);
                if (r >= 0)
                        return;
                sweep->failed = true;
                log_warning_errno(r, "%s belongs to no instance, but cannot be removed: %m", orphan->name);
        }
        sweep_end(sweep);
}

/* ---- Whether this store may be believed ---- */

static bool is_unknown(Manager *m, const Resource *resource)
{
        return *resource->instance_id && !manager_find_instance(m, resource->instance_id) &&
               !strv_contains(m->damaged, resource->instance_id);
}

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

/* Once, not with each sweep. */
static void sweep_tell_unknown(Manager *m, size_t unknown)
{
        log_full(unknown == m->unknown_told ? LOG_DEBUG : LOG_ERR, 0, NULL,
                        "The store (Redis) is new to this host, but the engine has %zu things of instances "
                        "that it does not know. Nothing of them is touched. If the store was lost, restore "
                        "it and restart arkd; if they are not needed, remove them (docker ps -a --filter "
                        "label=" ARK_LABEL_INSTANCE ")",
                        unknown);
        m->unknown_told = unknown;
}

/*
 * A store that was emptied, or is another one, knows nothing of the customers whose applications run. Until it has
 * once been seen to agree with the engine, what it does not know is left and reported.
 */
static bool sweep_may_remove(Sweep *sweep, const Resource *items, size_t n)
{
        Manager *m = sweep->manager;
        size_t unknown = 0;

        if (m->marked)
                return true;
        if (m->marked_for) {
                sweep_end(sweep); /* that it is another's was told when it was read */
                return false;
        }
        for (size_t i = 0; i < n; i++)
                unknown += is_unknown(m, &items[i]);
        if (unknown == 0)
                sweep_mark(sweep);
        else {
                sweep_tell_unknown(m, unknown);
                sweep_end(sweep);
        }
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
        ownerless_update(m, items, n);
        reconcile_compare(m, items, n);
        if (!sweep_may_remove(sweep, items, n))
                return;
        if (sweep_collect(sweep, items, n) < 0) {
                sweep->failed = true;
                log_oom();
        }
        sweep_continue(sweep);
}

void reconcile_resources(Manager *m)
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
                reconcile_resources_later(m);
                return;
        }
        m->sweep->manager = m;
        if (m->engine->vtable->list_resources(
                            m->engine, LIST_TIMEOUT_USEC, on_listed, m->sweep, &m->sweep->pending) < 0)
                sweep_fail(m->sweep);
}

void reconcile_all(Manager *m)
{
        if (!m->loaded || !manager_engine_connected(m))
                return;
        for (struct lh_entry *e = m->instances->head; e; e = e->next)
                reconcile_instance(m, ((Instance *) lh_entry_v(e))->id);
        job_tidy_all(m);
        reconcile_resources(m);
}
