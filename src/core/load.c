/* SPDX-License-Identifier: MIT */

/* The registry is read once, when the store is first there; pending jobs then go on. */

#include <errno.h>
#include <limits.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/compose.h"
#include "core/hold.h"
#include "core/job-record.h"
#include "core/manager-internal.h"
#include "core/reconcile.h"

#define LOAD_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define LOAD_RETRY_USEC   USEC_PER_SEC
#define STALE_JOBS_MAX    1000 /* a load */

static void entry_free_json(struct lh_entry *entry)
{
        free(lh_entry_k(entry));
        json_object_put(lh_entry_v(entry));
}

/* What there was no memory for is no damage: all is read again later. Answers whether r is that. */
static bool load_is_starved(Manager *m, int r)
{
        m->load_starved = m->load_starved || r == -ENOMEM;
        return r == -ENOMEM;
}

static void load_mark(Manager *m, const char *id, struct json_object *json)
{
        if (streq(id, m->deployment))
                m->marked = true;
        else
                (void) load_is_starved(m, free_and_strdup(&m->marked_for, id));
}

/* What an instance has in the engine is not touched where its record is there, but cannot be read. */
static void load_damaged(Manager *m, const char *instance_id)
{
        (void) load_is_starved(m, strv_extend(&m->damaged, instance_id));
}

static void load_product(Manager *m, const char *id, struct json_object *json)
{
        _cleanup_free_ char *field = NULL, *reason = NULL;
        _cleanup_(product_unrefp) Product *product = NULL;
        int r;

        r = product_new_from_json(json, &product, &field, &reason);
        if (r >= 0 && !streq(product->id, id))
                r = -EINVAL;
        if (r >= 0)
                r = manager_put_product(m, product);
        if (r < 0 && !load_is_starved(m, r))
                log_full(LOG_ERR, r, LOG_ABOUT(.product = id, .message_id = MESSAGE_RECORD_DAMAGED),
                                "The record product:%s is damaged and is left out (%s: %s)", id,
                                strempty(field), strempty(reason));
}

static void load_secret(Manager *m, const char *id, struct json_object *json)
{
        char *key = strdup(id);

        if (!key || lh_table_insert(m->loading_secrets, key, json) < 0) {
                (void) load_is_starved(m, -ENOMEM);
                free(key);
                return;
        }
        (void) json_object_get(json);
}

/* What it holds is taken; an address that was given back lately rests. */
static void load_addresses(Manager *m, Instance *i)
{
        int r;

        if (!i->subnet) {
                address_pool_rest_ingress(m->addresses, i->ingress_address,
                                i->deleted_usec ? i->deleted_usec : i->created_usec);
                return;
        }
        r = address_pool_reserve_ingress(m->addresses, i->ingress_address);
        if (r >= 0)
                r = address_pool_reserve_subnet(m->addresses, i->subnet);
        if (r < 0)
                log_warning_errno(r, "Instance %s has addresses that this pool cannot give: %s, %s", i->id,
                                strempty(i->ingress_address), strempty(i->subnet));
}

/* The product as the instance was made of it, whatever it is by now; mostly that is the same. A new reference. */
static Product *product_of_instance(Manager *m, const Instance *i, struct json_object *snapshot)
{
        Product *current = manager_get_product(m, i->product_id), *product;
        _cleanup_json_ struct json_object *now = current ? product_to_snapshot(current) : NULL;
        _cleanup_free_ char *field = NULL, *reason = NULL;
        int r;

        if (!snapshot || (now && json_object_equal(snapshot, now)))
                return product_ref(current);
        r = product_new_from_json(snapshot, &product, &field, &reason);
        if (load_is_starved(m, r))
                return NULL;
        if (r < 0) {
                log_full(LOG_WARNING, r, LOG_ABOUT(.instance = i->id),
                                "What instance %s was made of cannot be read, %s: %s; it is taken to be "
                                "what its product is now",
                                i->id, strempty(field), strempty(reason));
                return product_ref(current);
        }
        return product;
}

static void load_instance(Manager *m, const char *id, struct json_object *json)
{
        struct lh_entry *secrets = lh_table_lookup_entry(m->loading_secrets, id);
        _cleanup_(instance_freep) Instance *i = NULL;
        int r;

        r = instance_new_from_record(json, &i);
        if (r >= 0 && !streq(i->id, id))
                r = -EINVAL;
        if (r >= 0 && secrets)
                r = instance_load_secrets(i, lh_entry_v(secrets));
        if (r >= 0)
                r = manager_add_instance(m, i);
        if (load_is_starved(m, r))
                return;
        if (r < 0) {
                log_full(LOG_ERR, r, LOG_ABOUT(.instance = id, .message_id = MESSAGE_RECORD_DAMAGED),
                                "The record instance:%s is damaged and is left out: %m", id);
                load_damaged(m, id);
                return;
        }
        i->product = product_of_instance(m, i, secrets ? json_get(lh_entry_v(secrets), "product") : NULL);
        load_addresses(m, i);
        TAKE_PTR(i);
}

/* One that is under another key would be begun again at each start: its end is not its record's. */
static bool job_is_called(const char *id, const char *instance, const char *kind)
{
        const char *rest = startswith(id, instance);

        return rest && rest[0] == '.' && streq(rest + 1, kind);
}

static int find_job(Manager *m, const char *id, struct json_object *json, Instance **ret_instance,
                JobKind *ret_kind, unsigned *ret_attempts)
{
        const char *kind, *instance;
        uint64_t attempts = 0;
        int k;

        if (json_get_string(json, "kind", &kind) < 0 || json_get_string(json, "instance", &instance) < 0 ||
                        !job_is_called(id, instance, kind))
                return -EINVAL;
        k = job_kind_from_string(kind);
        if (k < 0)
                return k;
        (void) json_get_u64(json, "attempts", &attempts);
        *ret_instance = manager_find_instance(m, instance);
        if (!*ret_instance)
                return -ENOENT;
        *ret_kind = (JobKind) k;
        *ret_attempts = attempts < INT_MAX ? (unsigned) attempts : INT_MAX;
        return 0;
}

/* A job is stored with what it is to do to its instance, and goes with what it has done. */
static bool job_is_stale(const Instance *i, JobKind kind)
{
        switch (kind) {
        case JOB_CREATE:
                return i->status != INSTANCE_PENDING && !instance_is_left_behind(i);
        case JOB_DELETE: /* the end of a create may have been written over its beginning */
                return i->status == INSTANCE_DELETED;
        default:
                return (i->status != INSTANCE_RUNNING && i->status != INSTANCE_FAILED) ||
                       !instance_has_resources(i);
        }
}

/* Whether nothing at all is known of the instance, not even damaged. */
static bool instance_is_forgotten(Manager *m, struct json_object *json)
{
        const char *id;

        return json_get_string(json, "instance", &id) >= 0 && !strv_contains(m->damaged, id) &&
               !lh_table_lookup_entry(m->loading_secrets, id);
}

static void load_stale_job(Manager *m, const char *id)
{
        log_notice("Job %s is of no use any more; its record is removed", id);
        if (strv_length(m->stale_jobs) < STALE_JOBS_MAX)
                (void) load_is_starved(m, strv_extend(&m->stale_jobs, id));
}

/* A deletion is stored with the end of what it displaces. Where both are there all the same, it is what was asked for
 * last: left for a later start, it would delete what by then runs. */
static bool job_comes_first(Manager *m, Instance *i, JobKind kind)
{
        if (!i->job)
                return true;
        if (kind != JOB_DELETE)
                return false;
        load_stale_job(m, i->job->id);
        manager_unqueue_job(m, i->job);
        i->job = job_free(i->job);
        return true;
}

static void load_job(Manager *m, const char *id, struct json_object *json)
{
        const char *caller;
        Instance *instance;
        unsigned attempts;
        JobKind kind;
        int r;

        r = find_job(m, id, json, &instance, &kind, &attempts);
        if (r == -ENOENT && instance_is_forgotten(m, json))
                load_stale_job(m, id);
        else if (r < 0)
                log_full(LOG_ERR, r, LOG_ABOUT(.job = id, .message_id = MESSAGE_RECORD_DAMAGED),
                                "The record job:%s is damaged or without its instance and is left out: %m",
                                id);
        else if (job_is_stale(instance, kind) || !job_comes_first(m, instance, kind))
                load_stale_job(m, id);
        else {
                r = job_resume(m, instance, kind, attempts);
                if (r >= 0)
                        r = job_load_history(instance->job, json);
                if (r >= 0 && json_get_string(json, "caller", &caller) >= 0)
                        r = free_and_strdup(&instance->job->caller, caller);
                if (r < 0 && !load_is_starved(m, r))
                        log_error_errno(r, "Job %s cannot go on: %m", id);
        }
}

static void on_record(StoreKind kind, const char *id, const char *text, void *userdata)
{
        static void (*const loaders[_STORE_KIND_MAX])(Manager *, const char *, struct json_object *) = {
                [STORE_MARK] = load_mark,
                [STORE_PRODUCT] = load_product,
                [STORE_SECRET] = load_secret,
                [STORE_INSTANCE] = load_instance,
                [STORE_JOB] = load_job,
        };
        _cleanup_json_ struct json_object *json = NULL;
        const char *reason = "";
        Manager *m = userdata;
        int r;

        r = json_parse(text, strlen(text), &json, &reason);
        if (load_is_starved(m, r))
                return;
        if (r < 0) {
                log_full(LOG_ERR, 0, LOG_ABOUT(.message_id = MESSAGE_RECORD_DAMAGED),
                                "A record of %s in the store is not JSON and is left out: %s", id, reason);
                if (kind == STORE_INSTANCE)
                        load_damaged(m, id);
        } else if (loaders[kind])
                loaders[kind](m, id, json);
}

/* A pending instance without a job cannot happen by what arkd writes; if it does, it must not stay so for ever. */
static void load_settle_instances(Manager *m)
{
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);
                JobKind kind = i->status == INSTANCE_DELETING ? JOB_DELETE : JOB_CREATE;
                int r;

                if (i->job || (i->status != INSTANCE_PENDING && i->status != INSTANCE_DELETING))
                        continue;
                log_warning("Instance %s is %s without a job; it gets one", i->id,
                                instance_status_to_string(i->status));
                r = job_resume(m, i, kind, 0);
                if (r < 0 && !load_is_starved(m, r))
                        log_error_errno(r, "Instance %s cannot go on: %m", i->id);
        }
}

static void load_reset(Manager *m)
{
        for (struct lh_entry *e = m->instances->head; e; e = m->instances->head) {
                Instance *i = lh_entry_v(e);

                i->job = job_free(i->job);
                manager_release_addresses(m, i, false);
                lh_table_delete_entry(m->instances, e);
        }
        while (m->products->head)
                lh_table_delete_entry(m->products, m->products->head);
        m->queue_first = m->queue_last = NULL;
        m->n_queued = 0;
        m->damaged = strv_free(m->damaged);
        m->stale_jobs = strv_free(m->stale_jobs);
        m->marked = m->load_starved = false;
        m->marked_for = mfree(m->marked_for);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        m->retry = sd_event_source_disable_unref(m->retry);
        if (!m->loaded && manager_store_connected(m))
                manager_load(m);
        return 0;
}

/* Secrets whose instance is not there: its record has been lost. */
static void load_find_lost(Manager *m)
{
        for (struct lh_entry *e = m->loading_secrets->head; e; e = e->next) {
                const char *id = lh_entry_k(e);

                if (!manager_find_instance(m, id))
                        load_damaged(m, id);
        }
}

static void on_stale_dropped(int error, const char *reason, void *userdata)
{
        Manager *m = userdata;

        m->dropping = NULL;
        if (error < 0)
                log_debug("Stale jobs are not out of the store yet: %s", strempty(reason));
}

/* Where this does not reach the store, the next load does it. */
static void load_drop_stale_jobs(Manager *m)
{
        _cleanup_(strv_freep) char **ids = TAKE_PTR(m->stale_jobs);
        size_t n = strv_length(ids), n_writes = n * 2;
        _cleanup_free_ StoreWrite *writes = new0(StoreWrite, n_writes);

        if (n == 0 || !writes)
                return;
        for (size_t i = 0; i < n; i++) {
                writes[2 * i] = (StoreWrite){ STORE_DELETE, STORE_JOB, ids[i] };
                writes[2 * i + 1] = (StoreWrite){ STORE_DEQUEUE, .id = ids[i] };
        }
        m->dropping = pending_cancel(m->dropping);
        (void) m->store->vtable->commit(m->store, writes, n_writes, MANAGER_STORE_TIMEOUT_USEC,
                        on_stale_dropped, m, &m->dropping);
}

static void load_end(Manager *m)
{
        if (m->loading_secrets) {
                lh_table_free(m->loading_secrets);
                m->loading_secrets = NULL;
        }
}

/* What the instances have in the engine carries that deployment's id: it is not found, nor removed. */
static void load_complain_of_mark(Manager *m)
{
        if (m->marked || !m->marked_for)
                return;
        log_full(LOG_ERR, 0, LOG_ABOUT(.message_id = MESSAGE_DEPLOYMENT_CHANGED),
                        "The store (Redis) is that of deployment %s, and this one is %s. What its instances "
                        "have in the engine is left alone: deleting them fails. Set Deployment=%s in "
                        "arkd.conf and restart arkd; or, if none of it is there any more, remove the key "
                        "deployment:%s from the store",
                        m->marked_for, m->deployment, m->marked_for, m->marked_for);
}

static void load_failed(Manager *m, const char *reason)
{
        log_full(LOG_ERR, 0, LOG_ABOUT(.message_id = MESSAGE_STORE_UNREADABLE),
                        "The store (Redis) cannot be read: %s", strempty(reason));
        load_end(m);
        load_reset(m);
        m->retry = sd_event_source_disable_unref(m->retry);
        manager_call_later(m, LOAD_RETRY_USEC, 0, on_retry, m, &m->retry);
}

static void on_loaded(int error, const char *reason, void *userdata)
{
        Manager *m = userdata;

        m->loading = NULL;
        if (error < 0) {
                load_failed(m, reason);
                return;
        }
        load_find_lost(m);
        load_end(m);
        if (!m->load_starved)
                load_settle_instances(m);
        if (m->load_starved) {
                load_failed(m, "out of memory");
                return;
        }
        load_complain_of_mark(m);
        load_drop_stale_jobs(m);
        m->loaded = true;
        log_info("Read %u instances and %d products from the store", manager_count_instances(m),
                        lh_table_length(m->products));
        for (struct lh_entry *e = m->products->head; e; e = e->next)
                manager_notify(m, MANAGER_PRODUCT_ADDED, NULL, lh_entry_v(e));
        for (struct lh_entry *e = m->instances->head; e; e = e->next)
                if (((Instance *) lh_entry_v(e))->status != INSTANCE_DELETED)
                        manager_notify(m, MANAGER_INSTANCE_ADDED, lh_entry_v(e), NULL);
        manager_run_queue(m);
        hold_release(m);
        compose_tend(m);
        reconcile_all(m);
}

void manager_load_cancel(Manager *m)
{
        if (!m->loading)
                return;
        m->loading = pending_cancel(m->loading);
        load_end(m);
        load_reset(m);
}

void manager_load(Manager *m)
{
        int r;

        if (m->loading)
                return;
        m->loading_secrets = lh_kchar_table_new(64, entry_free_json);
        if (!m->loading_secrets) {
                load_failed(m, "out of memory");
                return;
        }
        r = m->store->vtable->load(m->store, LOAD_TIMEOUT_USEC, on_record, on_loaded, m, &m->loading);
        if (r < 0)
                load_failed(m, strerror(-r));
}
