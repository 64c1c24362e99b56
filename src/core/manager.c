/* SPDX-License-Identifier: MIT */
#include "core/manager.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/hooks.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/queue.h"
#include "core/job/run.h"
#include "core/load.h"
#include "core/model/address-pool.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/recovery/generation.h"
#include "core/registry/context.h"
#include "core/registry/doubts.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/storage.h"
#include "core/registry/watch.h"
#include "core/steps/plans.h"
#include "core/upkeep/check.h"
#include "core/upkeep/compose-files.h"
#include "core/upkeep/health.h"
#include "core/upkeep/ownerless.h"
#include "core/upkeep/rewrite.h"
#include "core/upkeep/sweep.h"
#include "core/upkeep/timer.h"
#include "core/verbs/change.h"
#include "core/verbs/hold.h"
#include "core/verbs/table.h"

static void on_isolation_changed(void *userdata)
{
        manager_run_queue(userdata);
}

void manager_set_isolation(Manager *manager, IsolationPort *isolation)
{
        manager->isolation = isolation;
        isolation->vtable->watch(isolation, on_isolation_changed, manager);
}

/* ---- Connections ---- */

static void manager_on_engine(bool connected, void *userdata)
{
        Manager *m = userdata;

        if (connected)
                log_full(LOG_INFO, 0, LOG_ABOUT(.message_id = MESSAGE_ENGINE_BACK),
                                "The engine (Docker) is connected");
        else
                log_full(LOG_WARNING, 0, LOG_ABOUT(.message_id = MESSAGE_ENGINE_LOST),
                                "The engine (Docker) is away; deployments wait until it is back");
        for (struct lh_entry *e = m->instances->head; connected && e; e = e->next) {
                Instance *i = lh_entry_v(e);

                if (i->job)
                        job_on_engine_connected(i->job);
        }
        if (connected) {
                hold_release(m);
                sweep_all(m);
                health_on_engine_connected(m);
                compose_on_engine_connected(m);
        }
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
}

static void manager_on_engine_event(
                const char *instance_id, const char *role, const char *event, void *userdata)
{
        Manager *m = userdata;
        const Instance *i = manager_find_instance(m, instance_id);

        log_debug("The engine tells of %s (%s): %s", instance_id, role, event);
        check_event(m, instance_id, role, event);
        /* The engine goes on with what a daemon asked it before it died. */
        if (streq(event, "create") && (!i || (!i->job && i->stored && !instance_has_resources(i))))
                sweep_run(m);
}

static void manager_on_store(bool connected, void *userdata)
{
        Manager *m = userdata;

        if (connected) {
                log_full(LOG_INFO, 0, LOG_ABOUT(.message_id = MESSAGE_STORE_BACK),
                                "The store (Redis) is connected");
                if (m->loaded) {
                        manager_settle(m);
                        sweep_all(m);
                } else
                        manager_load(m);
        } else {
                log_full(LOG_WARNING, 0, LOG_ABOUT(.message_id = MESSAGE_STORE_LOST),
                                "The store (Redis) is away; nothing can be changed until it is back");
                manager_load_cancel(m);
        }
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
}

/* ---- Life ---- */

static int manager_copy_settings(Manager *m, const ManagerSettings *s)
{
        m->expires_usec = s->expires_usec;
        m->tombstone_usec = s->tombstone_usec;
        m->stop_s = s->stop_s;
        m->database_stop_s = s->database_stop_s;
        m->workers = s->workers > 0 ? s->workers : 1;
        m->queue_max = s->queue_max;
        m->retry_max = s->retry_max;
        m->instances_max = s->instances_max;
        m->quota_total = s->quota_total;
        m->quota_identity = s->quota_identity;
        m->quota_rate = s->quota_rate;
        m->limits = s->limits;
        m->admission.bounds = s->admission;
        m->users = s->users;
        m->base_url = strdup(s->base_url);
        m->base_url_is_guess = s->base_url_is_guess;
        m->deployment = strdup(s->deployment);
        m->compose_dir = strdup(s->compose_dir);
        if (!m->base_url || !m->deployment || !m->compose_dir ||
                        free_and_strdup(&m->applications.url, s->applications.url) < 0)
                return -ENOMEM;
        m->applications.port = s->applications.port;
        return address_pool_new(s->subnet_pool, &m->addresses);
}

int manager_new(sd_event *event, const ManagerSettings *settings, EnginePort *engine, StorePort *store,
                ProbePort *probe, Manager **ret)
{
        _cleanup_(manager_freep) Manager *m = new0(Manager, 1);
        int r;

        if (!m)
                return -ENOMEM;
        m->event = sd_event_ref(event);
        m->counters.started_usec = now_realtime();
        TAILQ_INIT(&m->held);
        TAILQ_INIT(&m->usage_looks);
        TAILQ_INIT(&m->storage.waits);
        m->engine = engine;
        m->store = store;
        m->probe = probe;
        m->hooks = &manager_hooks;
        m->plans = plans;
        m->verbs = action_table;
        r = registry_new(m);
        if (r >= 0)
                r = manager_copy_settings(m, settings);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int manager_start(Manager *m)
{
        m->started_usec = now_monotonic();
        m->clock_usec = clock_offset();
        m->engine->vtable->watch(m->engine, manager_on_engine, manager_on_engine_event, m);
        m->store->vtable->watch(m->store, manager_on_store, generation_on_answer, m);
        upkeep_start(m);
        storage_start(m);
        if (manager_store_connected(m))
                manager_load(m);
        return 0;
}

Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;
        m->engine->vtable->watch(m->engine, NULL, NULL, NULL);
        m->store->vtable->watch(m->store, NULL, NULL, NULL);
        manager_load_cancel(m);
        rewrite_cancel(m);
        generation_done(m);
        manager_settle_cancel(m);
        while (m->changes)
                change_free(m->changes);
        sd_event_source_disable_unref(m->retry);
        pending_cancel(m->retaining);
        pending_cancel(m->dropping);
        pending_cancel(m->burying);
        sd_event_source_disable_unref(m->hold_deadline);
        sd_event_source_disable_unref(m->upkeep);
        storage_done(m);
        health_done(m);
        sweep_cancel(m);
        ownerless_done(m);
        compose_tend_cancel(m);
        for (struct lh_entry *e = m->instances ? m->instances->head : NULL; e; e = e->next) {
                job_free(((Instance *) lh_entry_v(e))->job);
                check_forget(lh_entry_v(e));
        }
        registry_done(m);
        free(m->marked_for);
        strv_free(m->damaged);
        strv_free(m->damaged_keys);
        if (m->unknown)
                lh_table_free(m->unknown);
        strv_free(m->buried);
        strv_free(m->stale_jobs);
        address_pool_free(m->addresses);
        manager_watches_done(m);
        free(m->base_url);
        free(m->applications.url);
        free(m->deployment);
        free(m->compose_dir);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}
