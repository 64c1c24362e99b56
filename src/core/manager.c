/* SPDX-License-Identifier: MIT */
#include "core/manager.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/change.h"
#include "core/compose.h"
#include "core/hold.h"
#include "core/manager-internal.h"
#include "core/reconcile.h"

static void entry_free_instance(struct lh_entry *entry)
{
        instance_free(lh_entry_v(entry));
}

static void entry_free_product(struct lh_entry *entry)
{
        product_unref(lh_entry_v(entry));
}

sd_event *manager_get_event(Manager *manager)
{
        return manager->event;
}

int manager_set_base_url(Manager *manager, const char *base_url)
{
        int r;

        if (streq(manager->base_url, base_url))
                return 0;
        r = free_and_strdup(&manager->base_url, base_url);
        if (r >= 0)
                manager_notify(manager, MANAGER_CHANGED, NULL, NULL);
        return r;
}

const char *manager_base_url(const Manager *manager)
{
        return manager->base_url;
}

char *const *manager_ownerless_volumes(const Manager *manager)
{
        return manager->ownerless;
}

Counters *manager_counters(Manager *manager)
{
        return &manager->counters;
}

bool manager_is_loaded(const Manager *manager)
{
        return manager->loaded;
}

bool manager_engine_connected(const Manager *manager)
{
        return manager->engine->vtable->is_connected(manager->engine);
}

bool manager_store_connected(const Manager *manager)
{
        return manager->store->vtable->is_connected(manager->store);
}

void manager_begin_anew(Manager *manager, int error, const char *what)
{
        (void) log_error_errno(error, "%s, so the service begins anew: %m", what);
        (void) sd_event_exit(manager->event, error);
}

void manager_call_later(Manager *manager, uint64_t usec, uint64_t accuracy, sd_event_time_handler_t handler,
                void *userdata, sd_event_source **ret_timer)
{
        int r;

        r = sd_event_add_time_relative(
                        manager->event, ret_timer, CLOCK_MONOTONIC, usec, accuracy, handler, userdata);
        if (r < 0)
                manager_begin_anew(manager, r, "A timer cannot be set");
}

/* Changes only when the clock is set. */
static int64_t clock_offset(void)
{
        return (int64_t) now_realtime() - (int64_t) now_boottime();
}

uint64_t manager_clock_set_forward(const Manager *manager)
{
        int64_t moved = clock_offset() - manager->clock_usec;

        return moved > 0 ? (uint64_t) moved : 0;
}

/* ---- Registry ---- */

Instance *manager_find_instance(Manager *manager, const char *id)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->instances, id);

        return entry ? lh_entry_v(entry) : NULL;
}

Instance *manager_get_instance(Manager *manager, const char *id)
{
        Instance *instance = manager_find_instance(manager, id);

        return instance && instance->stored ? instance : NULL;
}

Product *manager_get_product(Manager *manager, const char *id)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->products, id);

        return entry ? lh_entry_v(entry) : NULL;
}

unsigned manager_count_instances(const Manager *manager)
{
        unsigned n = 0;

        for (struct lh_entry *e = manager->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                n += i->stored && i->status != INSTANCE_DELETED;
        }
        return n;
}

static struct lh_entry *next_entry(struct lh_table *table, const char *after_id)
{
        struct lh_entry *entry;

        if (!after_id)
                return table->head;
        entry = lh_table_lookup_entry(table, after_id);
        return entry ? entry->next : NULL;
}

Instance *manager_next_instance(Manager *manager, const char *after_id)
{
        struct lh_entry *entry = next_entry(manager->instances, after_id);

        while (entry && !((Instance *) lh_entry_v(entry))->stored)
                entry = entry->next;
        return entry ? lh_entry_v(entry) : NULL;
}

Product *manager_next_product(Manager *manager, const char *after_id)
{
        struct lh_entry *entry = next_entry(manager->products, after_id);

        return entry ? lh_entry_v(entry) : NULL;
}

int manager_add_instance(Manager *manager, Instance *instance)
{
        return lh_table_insert(manager->instances, instance->id, instance) < 0 ? -ENOMEM : 0;
}

void manager_remove_instance(Manager *manager, Instance *instance)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->instances, instance->id);

        reconcile_forget(instance);
        if (entry)
                lh_table_delete_entry(manager->instances, entry);
}

int manager_put_product(Manager *manager, Product *product)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->products, product->id);

        if (entry) {
                Product *old = lh_entry_v(entry);

                /* In place, so that the catalogue keeps its order. The key is the new object's id. */
                entry->k = product->id;
                lh_entry_set_val(entry, product_ref(product));
                product_unref(old);
                return 0;
        }
        if (lh_table_insert(manager->products, product->id, product) < 0)
                return -ENOMEM;
        product_ref(product);
        return 0;
}

void manager_remove_product(Manager *manager, const char *id)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->products, id);

        if (entry)
                lh_table_delete_entry(manager->products, entry);
}

void manager_release_addresses(Manager *manager, Instance *instance, bool used)
{
        if (!instance->subnet)
                return;
        address_pool_release_ingress(
                        manager->addresses, instance->ingress_address, used ? now_realtime() : 0);
        address_pool_release_subnet(manager->addresses, instance->subnet);
        instance->subnet = mfree(instance->subnet);
}

/* ---- Watches ---- */

int manager_watch(Manager *manager, ManagerEventHandler handler, void *userdata, ManagerWatch **ret)
{
        ManagerWatch *watch = new0(ManagerWatch, 1);

        if (!watch)
                return -ENOMEM;
        *watch = (ManagerWatch){ manager, handler, userdata, manager->watches };
        manager->watches = watch;
        *ret = watch;
        return 0;
}

/* Frees the watches that ended; not while a notification walks the list. */
static void manager_sweep_watches(Manager *manager)
{
        for (ManagerWatch **w = &manager->watches; *w;) {
                ManagerWatch *watch = *w;

                if (watch->handler)
                        w = &watch->next;
                else {
                        *w = watch->next;
                        free(watch);
                }
        }
}

ManagerWatch *manager_watch_free(ManagerWatch *watch)
{
        if (!watch)
                return NULL;
        watch->handler = NULL;
        if (!watch->manager->notifying)
                manager_sweep_watches(watch->manager);
        return NULL;
}

void manager_notify(Manager *manager, ManagerEvent event, Instance *instance, Product *product)
{
        bool outermost = !manager->notifying;

        manager->notifying = true;
        for (ManagerWatch *w = manager->watches; w; w = w->next)
                if (w->handler)
                        w->handler(event, instance, product, w->userdata);
        if (outermost) {
                manager->notifying = false;
                manager_sweep_watches(manager);
        }
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
                reconcile_all(m);
        }
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
}

static void manager_on_engine_event(
                const char *instance_id, const char *role, const char *event, void *userdata)
{
        Manager *m = userdata;
        const Instance *i = manager_find_instance(m, instance_id);

        log_debug("The engine tells of %s (%s): %s", instance_id, role, event);
        reconcile_event(m, instance_id, role, event);
        /* The engine goes on with what a daemon asked it before it died. */
        if (streq(event, "create") && (!i || (!i->job && i->stored && !instance_has_resources(i))))
                reconcile_resources(m);
}

static void manager_on_store(bool connected, void *userdata)
{
        Manager *m = userdata;

        if (connected) {
                log_full(LOG_INFO, 0, LOG_ABOUT(.message_id = MESSAGE_STORE_BACK),
                                "The store (Redis) is connected");
                if (m->loaded) {
                        manager_settle(m);
                        reconcile_all(m);
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
        m->workers = s->workers > 0 ? s->workers : 1;
        m->queue_max = s->queue_max;
        m->retry_max = s->retry_max;
        m->instances_max = s->instances_max;
        m->quota_total = s->quota_total;
        m->quota_identity = s->quota_identity;
        m->quota_rate = s->quota_rate;
        m->base_url = strdup(s->base_url);
        m->deployment = strdup(s->deployment);
        m->compose_dir = strdup(s->compose_dir);
        if (!m->base_url || !m->deployment || !m->compose_dir)
                return -ENOMEM;
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
        m->engine = engine;
        m->store = store;
        m->probe = probe;
        m->instances = lh_kchar_table_new(64, entry_free_instance);
        m->products = lh_kchar_table_new(16, entry_free_product);
        if (!m->instances || !m->products)
                return -ENOMEM;
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
        m->store->vtable->watch(m->store, manager_on_store, m);
        reconcile_start(m);
        if (manager_store_connected(m))
                manager_load(m);
        return 0;
}

Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;
        m->engine->vtable->watch(m->engine, NULL, NULL, NULL);
        m->store->vtable->watch(m->store, NULL, NULL);
        manager_load_cancel(m);
        manager_settle_cancel(m);
        while (m->changes)
                change_free(m->changes);
        sd_event_source_disable_unref(m->retry);
        pending_cancel(m->retaining);
        pending_cancel(m->dropping);
        sd_event_source_disable_unref(m->hold_deadline);
        sd_event_source_disable_unref(m->upkeep);
        reconcile_cancel(m);
        ownerless_done(m);
        compose_tend_cancel(m);
        for (struct lh_entry *e = m->instances ? m->instances->head : NULL; e; e = e->next) {
                job_free(((Instance *) lh_entry_v(e))->job);
                reconcile_forget(lh_entry_v(e));
        }
        if (m->instances)
                lh_table_free(m->instances);
        if (m->products)
                lh_table_free(m->products);
        free(m->marked_for);
        strv_free(m->damaged);
        strv_free(m->stale_jobs);
        address_pool_free(m->addresses);
        for (ManagerWatch *w = m->watches; w; w = w->next)
                w->handler = NULL;
        manager_sweep_watches(m);
        free(m->base_url);
        free(m->deployment);
        free(m->compose_dir);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}
