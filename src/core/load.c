/* SPDX-License-Identifier: MIT */

/* The registry is read once, when the store is first there; pending jobs then go on. */

#include "core/load.h"

#include <errno.h>
#include <limits.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/queue.h"
#include "core/job/resume.h"
#include "core/load-damage.h"
#include "core/load-job.h"
#include "core/model/address-pool.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/recovery/generation.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/spec/deletion-mark.h"
#include "core/upkeep/behind.h"
#include "core/upkeep/compose-files.h"
#include "core/upkeep/sweep.h"
#include "core/verbs/hold.h"

#define LOAD_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define LOAD_RETRY_USEC   USEC_PER_SEC

static void entry_free_json(struct lh_entry *entry)
{
        free(lh_entry_k(entry));
        json_object_put(lh_entry_v(entry));
}

static void load_mark(Manager *m, const char *id, struct json_object *json)
{
        if (streq(id, m->deployment))
                m->marked = true;
        else
                (void) load_is_starved(m, free_and_strdup(&m->marked_for, id));
}

static void load_generation(Manager *m, const char *id, struct json_object *json)
{
        if (streq(id, m->deployment))
                generation_load(m, json);
}

static void load_product(Manager *m, const char *id, struct json_object *json)
{
        _cleanup_free_ char *field = NULL, *reason = NULL;
        _cleanup_(product_unrefp) Product *product = NULL;
        int r;

        r = product_new_from_record(json, &product, &field, &reason);
        if (r >= 0 && !streq(product->id, id))
                r = -EINVAL;
        if (r >= 0)
                r = manager_put_product(m, product);
        if (r >= 0 && product->newer_field)
                log_full(LOG_WARNING, 0, LOG_ABOUT(.product = id),
                                "This version does not understand the field %s of product %s. The product "
                                "is "
                                "kept, and nothing is deployed of it: upgrade arkd, or set it again",
                                product->newer_field, id);
        if (r >= 0 || load_is_starved(m, r))
                return;
        log_full(LOG_ERR, r, LOG_ABOUT(.product = id, .message_id = MESSAGE_RECORD_DAMAGED),
                        "The record product:%s is damaged and is left out (%s: %s)", id, strempty(field),
                        strempty(reason));
        load_note_damage(m, "product", id);
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
        r = product_new_from_record(snapshot, &product, &field, &reason);
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

/* An older store has a record of what has been deleted since. A delete that is under way goes on. */
static bool load_is_revived(const Manager *m, const Instance *i)
{
        return i->status != INSTANCE_DELETING && instance_has_resources(i) && deletion_is_marked(m, i->id);
}

static void load_bury(Manager *m, Instance *i)
{
        log_full(LOG_WARNING, 0, LOG_ABOUT(.instance = i->id, .message_id = MESSAGE_DELETED_STAYS_DELETED),
                        "The store (Redis) has a record of instance %s, which has been deleted since. It "
                        "stays "
                        "deleted",
                        i->id);
        i->status = INSTANCE_DELETED;
        i->deleted_usec = now_realtime();
        i->subnet = mfree(i->subnet);
        i->upstream = mfree(i->upstream);
        instance_erase_secrets(i);
        (void) load_is_starved(m, free_and_strdup(&i->message, "Deleted"));
        (void) load_is_starved(m, strv_extend(&m->buried, i->id));
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
                load_damaged(m, "instance", id);
                return;
        }
        if (load_is_revived(m, i))
                load_bury(m, i);
        i->product = product_of_instance(m, i, secrets ? json_get(lh_entry_v(secrets), "product") : NULL);
        load_addresses(m, i);
        if (i->status == INSTANCE_NEWER)
                log_full(LOG_WARNING, 0, LOG_ABOUT(.instance = i->id),
                                "Instance %s is %s (%s), which this version does not know. It is left as it "
                                "is: upgrade arkd, or delete it",
                                i->id, i->newer_status, i->newer_phase);
        TAKE_PTR(i);
}

static void on_record(StoreKind kind, const char *id, const char *text, void *userdata)
{
        static void (*const loaders[_STORE_KIND_MAX])(Manager *, const char *, struct json_object *) = {
                [STORE_MARK] = load_mark,
                [STORE_GENERATION] = load_generation,
                [STORE_PRODUCT] = load_product,
                [STORE_SECRET] = load_secret,
                [STORE_INSTANCE] = load_instance,
                [STORE_JOB] = load_job,
        };
        static const char *const kind_names[_STORE_KIND_MAX] = {
                [STORE_PRODUCT] = "product",
                [STORE_SECRET] = "secret",
                [STORE_JOB] = "job",
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
                        load_damaged(m, "instance", id);
                else if (kind != STORE_GENERATION && kind != STORE_MARK)
                        load_note_damage(m, kind_names[kind], id);
        } else if (loaders[kind])
                loaders[kind](m, id, json);
}

/* A pending instance without a job cannot happen by what arkd writes; if it does, it must not stay so for ever. */
static void load_settle_instances(Manager *m)
{
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);
                const char *kind = i->status == INSTANCE_DELETING ? ARK_JOB_DELETE : ARK_JOB_CREATE;
                int r;

                if (i->job || (i->status != INSTANCE_PENDING && i->status != INSTANCE_DELETING))
                        continue;
                log_warning("Instance %s is %s without a job; it gets one", i->id,
                                instance_status_to_string(i->status));
                r = job_resume(m, i, plan_find(m, kind), 0);
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
        m->damaged_keys = strv_free(m->damaged_keys);
        m->buried = strv_free(m->buried);
        unknown_reset(m);
        generation_reset(m);
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

                if (!manager_find_instance(m, id) && !strv_contains(m->damaged, id))
                        load_damaged(m, "secret", id);
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

static void on_buried(int error, const char *reason, void *userdata)
{
        Manager *m = userdata;

        m->burying = NULL;
        if (error < 0)
                log_debug("What has been deleted is not out of the store yet: %s", strempty(reason));
}

/* What has been deleted is so in the store, too. Where this does not reach it, the next load does it. */
static void load_store_buried(Manager *m)
{
        _cleanup_(strv_freep) char **ids = TAKE_PTR(m->buried);
        size_t n = strv_length(ids), n_writes = n * 2;
        _cleanup_free_ StoreWrite *writes = new0(StoreWrite, n_writes);
        _cleanup_json_ struct json_object *records = json_object_new_array();

        if (n == 0 || !writes || !records)
                return;
        for (size_t k = 0; k < n; k++) {
                const Instance *i = manager_find_instance(m, ids[k]);
                struct json_object *record = i ? instance_to_json(i, INSTANCE_VIEW_RECORD) : NULL;

                if (!i || json_append(records, record) < 0)
                        return;
                writes[2 * k] = (StoreWrite){ STORE_PUT, STORE_INSTANCE, ids[k], json_text(record),
                        i->created_usec, m->tombstone_usec };
                writes[2 * k + 1] = (StoreWrite){ STORE_DELETE, STORE_SECRET, ids[k] };
        }
        (void) m->store->vtable->commit(
                        m->store, writes, n_writes, MANAGER_STORE_TIMEOUT_USEC, on_buried, m, &m->burying);
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
                generation_judge(m);
        if (generation_is_behind(m))
                behind_take_jobs(m);
        else if (!m->load_starved)
                load_settle_instances(m);
        if (m->load_starved) {
                load_failed(m, "out of memory");
                return;
        }
        load_complain_of_mark(m);
        unknown_find_files(m);
        load_drop_stale_jobs(m);
        m->loaded = true;
        load_store_buried(m);
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
        sweep_all(m);
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
