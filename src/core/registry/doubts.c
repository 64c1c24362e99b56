/* SPDX-License-Identifier: MIT */

/*
 * A change whose commit was never answered has been refused to its caller; whatever of it arrived is taken back: the
 * store is given what is known here. Twice: the first time may be sent before the store itself knows which entry of
 * the job stream is to go, but what is answered has been preceded by all that was sent before.
 */

#include "core/registry/doubts.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"

#define ROUNDS            2
#define AT_ONCE_MAX       1000
#define WRITES_A_DOUBT    5
#define SETTLE_RETRY_USEC USEC_PER_SEC

typedef struct Doubt {
        StoreKind kind; /* instance or product */
        char *id, *job, *key; /* key: the idempotency key of an instance that may have been made; or NULL */
        struct json_object *record; /* while it is on its way */
        unsigned rounds; /* that are still to be done */
} Doubt;

struct Doubts {
        Doubt *items;
        size_t n, n_sent; /* the first n_sent are on their way */
        Pending *pending;
        sd_event_source *retry;
};

bool store_error_is_doubtful(int error)
{
        return error == -ENOTCONN || error == -ETIMEDOUT || error == -EIO;
}

static void doubt_done(Doubt *doubt)
{
        free(doubt->id);
        free(doubt->job);
        free(doubt->key);
        json_object_put(doubt->record);
}

void manager_settle_cancel(Manager *m)
{
        struct Doubts *d = m->doubts;

        if (!d)
                return;
        pending_cancel(d->pending);
        sd_event_source_disable_unref(d->retry);
        for (size_t i = 0; i < d->n; i++)
                doubt_done(d->items + i);
        free(d->items);
        m->doubts = mfree(d);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        m->doubts->retry = sd_event_source_disable_unref(m->doubts->retry);
        manager_settle(m);
        return 0;
}

static void settle_later(Manager *m)
{
        struct Doubts *d = m->doubts;

        if (!d->retry)
                manager_call_later(m, SETTLE_RETRY_USEC, 0, on_retry, m, &d->retry);
}

static Doubt *doubts_find(const struct Doubts *d, StoreKind kind, const char *id)
{
        for (size_t i = 0; d && i < d->n; i++)
                if (d->items[i].kind == kind && streq(d->items[i].id, id))
                        return d->items + i;
        return NULL;
}

static int doubts_add(struct Doubts *d, StoreKind kind, const char *id, const char *key)
{
        Doubt doubt = { kind, strdup(id), str_printf("%s.create", id), key ? strdup(key) : NULL, NULL, 0 };
        bool copied = doubt.id && doubt.job && (doubt.key || !key);
        Doubt *grown = copied ? reallocarray(d->items, d->n + 1, sizeof(Doubt)) : NULL;

        if (!grown) {
                doubt_done(&doubt);
                return -ENOMEM;
        }
        d->items = grown;
        d->items[d->n++] = doubt;
        return 0;
}

static void doubt_with_key(Manager *m, StoreKind kind, const char *id, const char *key)
{
        if (!m->doubts)
                m->doubts = new0(struct Doubts, 1);
        if (!m->doubts || (!doubts_find(m->doubts, kind, id) && doubts_add(m->doubts, kind, id, key) < 0)) {
                manager_begin_anew(m, -ENOMEM, "What is doubtful in the store cannot be kept in mind");
                return;
        }
        /* One that is on its way comes back with a round less. */
        doubts_find(m->doubts, kind, id)->rounds = m->doubts->pending ? ROUNDS + 1 : ROUNDS;
        settle_later(m);
}

void manager_doubt(Manager *m, StoreKind kind, const char *id)
{
        doubt_with_key(m, kind, id, NULL);
}

void manager_doubt_creation(Manager *m, const Instance *instance)
{
        doubt_with_key(m, STORE_INSTANCE, instance->id, instance->idempotency_key);
}

bool manager_has_doubts(const Manager *m)
{
        return m->doubts && m->doubts->n > 0;
}

bool manager_doubts_key(const Manager *m, const char *key)
{
        for (size_t i = 0; m->doubts && i < m->doubts->n; i++)
                if (streq_ptr(m->doubts->items[i].key, key))
                        return true;
        return false;
}

void manager_doubt_product(Manager *m, const char *id, int error)
{
        if (store_error_is_doubtful(error) || (error >= 0 && doubts_find(m->doubts, STORE_PRODUCT, id)))
                manager_doubt(m, STORE_PRODUCT, id);
}

static void on_settled(int error, const char *reason, void *userdata)
{
        Manager *m = userdata;
        struct Doubts *d = m->doubts;
        size_t kept = 0;

        d->pending = NULL;
        if (error < 0) {
                log_debug("Unanswered writes cannot be taken back yet: %s", strempty(reason));
                settle_later(m);
                return;
        }
        for (size_t i = 0; i < d->n; i++)
                if (i < d->n_sent && --d->items[i].rounds == 0)
                        doubt_done(d->items + i);
                else
                        d->items[kept++] = d->items[i];
        d->n = kept;
        if (kept == 0)
                m->hooks->settled(m);
        manager_settle(m);
}

static size_t write_product(Manager *m, Doubt *doubt, StoreWrite *writes)
{
        const Product *product = manager_get_product(m, doubt->id);

        if (product)
                doubt->record = json_object_get(product->json);
        writes[0] = (StoreWrite){ product ? STORE_PUT : STORE_DELETE, STORE_PRODUCT, doubt->id,
                product ? json_text(product->json) : NULL };
        return 1;
}

static size_t write_instance(Manager *m, Doubt *doubt, StoreWrite *writes)
{
        const Instance *i = manager_find_instance(m, doubt->id);

        if (!i) {
                writes[0] = (StoreWrite){ STORE_DELETE, STORE_INSTANCE, doubt->id };
                writes[1] = (StoreWrite){ STORE_DELETE, STORE_SECRET, doubt->id };
                writes[2] = (StoreWrite){ STORE_DELETE, STORE_JOB, doubt->job };
                writes[3] = (StoreWrite){ STORE_DEQUEUE, .id = doubt->job };
                writes[4] = (StoreWrite){ STORE_DELETE, STORE_IDEMPOTENCY, doubt->key };
                return doubt->key ? 5 : 4;
        }
        if (i->job || i->status == INSTANCE_DELETED)
                return 0; /* the job's end writes it, or has written it, whole */
        doubt->record = instance_to_json(i, INSTANCE_VIEW_RECORD);
        if (!doubt->record)
                return 0;
        writes[0] = (StoreWrite){ STORE_PUT, STORE_INSTANCE, doubt->id, json_text(doubt->record),
                .score = i->created_usec };
        return 1;
}

void manager_settle(Manager *m)
{
        struct Doubts *d = m->doubts;
        _cleanup_free_ StoreWrite *writes = NULL;
        size_t n_writes = 0, n_writes_max;

        if (!d || d->n == 0 || d->pending || !manager_store_connected(m))
                return; /* called again when the store is back */
        d->n_sent = d->n < AT_ONCE_MAX ? d->n : AT_ONCE_MAX;
        n_writes_max = d->n_sent * WRITES_A_DOUBT;
        writes = new0(StoreWrite, n_writes_max);
        if (!writes) {
                settle_later(m);
                return;
        }
        for (size_t i = 0; i < d->n_sent; i++) {
                Doubt *doubt = d->items + i;

                json_object_put(doubt->record);
                doubt->record = NULL;
                n_writes += doubt->kind == STORE_PRODUCT ? write_product(m, doubt, writes + n_writes)
                                                         : write_instance(m, doubt, writes + n_writes);
        }
        if (n_writes == 0)
                on_settled(0, NULL, m);
        else if (m->store->vtable->commit(m->store, writes, n_writes, MANAGER_STORE_TIMEOUT_USEC, on_settled,
                                 m, &d->pending) < 0)
                settle_later(m);
}
