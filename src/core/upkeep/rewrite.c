/* SPDX-License-Identifier: MIT */

/*
 * The store was emptied while arkd ran, and everything is in memory. What it has by now is read first, as it may be an
 * older copy, which knows of what has been deleted since. Then it is given everything, little by little, and at the very
 * end its generation: whoever is interrupted begins anew, as the generation is still too low.
 */

#include "core/upkeep/rewrite.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "core/job/commit.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/recovery/generation.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"

#define LOAD_TIMEOUT_USEC  (30 * USEC_PER_SEC)
#define RETRY_USEC         USEC_PER_SEC
#define WAIT_USEC          (20 * USEC_PER_MSEC)
#define AT_ONCE_MAX        100 /* instances a commit */
#define WRITES_AN_INSTANCE 4
#define STALE_AT_ONCE      500

/* A record that the store has and nobody knows. */
typedef struct Stale {
        StoreKind kind;
        char *id;
} Stale;

struct Rewrite {
        Manager *manager;
        Pending *pending;
        sd_event_source *later;
        Stale *stale;
        size_t n_stale;
        char *last; /* the instance that was written last, or NULL */
        bool begun; /* all but the instances is written */
        uint64_t generation; /* on its way, at the end */
        bool starved;
};

/* A commit that is being put together; what its texts are in is freed after it. */
typedef struct Batch {
        StoreWrite *writes;
        struct json_object **texts;
        size_t n, n_max;
} Batch;

void rewrite_cancel(Manager *m)
{
        Rewrite *w = m->rewrite;

        if (!w)
                return;
        pending_cancel(w->pending);
        sd_event_source_disable_unref(w->later);
        for (size_t i = 0; i < w->n_stale; i++)
                free(w->stale[i].id);
        free(w->stale);
        free(w->last);
        m->rewrite = mfree(w);
}

static void rewrite_next(Rewrite *w);

static int on_later(sd_event_source *source, uint64_t usec, void *userdata)
{
        Rewrite *w = userdata;

        w->later = sd_event_source_disable_unref(w->later);
        rewrite_next(w);
        return 0;
}

static void rewrite_wait(Rewrite *w)
{
        manager_call_later(w->manager, WAIT_USEC, 0, on_later, w, &w->later);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        rewrite_start(((Rewrite *) userdata)->manager);
        return 0;
}

/* Where the store is away: what it says when it is back begins this anew. */
static void rewrite_fail(Rewrite *w, const char *reason)
{
        Manager *m = w->manager;

        log_warning("The store (Redis) cannot be written again yet: %s", strempty(reason));
        if (manager_store_connected(m))
                manager_call_later(m, RETRY_USEC, 0, on_retry, w, &w->later);
        else
                rewrite_cancel(m);
}

/* ---- What is known ---- */

static bool is_called(const Job *job, const char *id)
{
        return job && streq(job->id, id);
}

/* What is not under way here is over, and would be done at the next start. Of a job that only a newer version knows, or
 * whose instance does, nobody here can tell. */
static bool job_is_known(Manager *m, const char *id)
{
        const char *dot = strrchr(id, '.');
        _cleanup_free_ char *instance = dot ? strndup(id, (size_t) (dot - id)) : NULL;
        const Instance *i = instance ? manager_find_instance(m, instance) : NULL;

        if (!instance || !plan_find(m, dot + 1) || strv_contains(m->damaged, instance) ||
                        manager_is_damaged(m, "job", id))
                return true;
        if (!i)
                return false;
        return i->status == INSTANCE_NEWER || is_called(i->job, id) ||
               (i->job && is_called(i->job->successor, id));
}

/* Of an idempotency key the store says nothing; it goes by itself. A record of what is unknown here may be why the copy
 * was put in its place. */
static bool is_known(Manager *m, StoreKind kind, const char *id)
{
        const Instance *i;

        switch (kind) {
        case STORE_PRODUCT:
                return manager_get_product(m, id) || manager_is_damaged(m, "product", id);
        case STORE_INSTANCE:
                return manager_find_instance(m, id) || unknown_find(m, id) || strv_contains(m->damaged, id);
        case STORE_SECRET:
                i = manager_find_instance(m, id);
                return (i && (!i->stored || instance_has_resources(i))) || unknown_find(m, id) ||
                       strv_contains(m->damaged, id);
        case STORE_JOB:
                return job_is_known(m, id);
        default:
                return true;
        }
}

/* ---- Writing ---- */

static void batch_done(Batch *b)
{
        for (size_t i = 0; b->texts && i < b->n; i++)
                json_object_put(b->texts[i]);
        free(b->texts);
        free(b->writes);
}

static int batch_init(Batch *b, size_t n_max)
{
        *b = (Batch){ new0(StoreWrite, n_max), new0(struct json_object *, n_max), 0, n_max };
        return b->writes && b->texts ? 0 : -ENOMEM;
}

static void batch_add(Batch *b, StoreWrite write)
{
        b->writes[b->n++] = write;
}

/* Takes text over; the commit refuses one that there was no memory for. */
static void batch_put(Batch *b, StoreKind kind, const char *id, struct json_object *text, uint64_t score,
                uint64_t ttl_usec)
{
        b->texts[b->n] = text;
        batch_add(b, (StoreWrite){ STORE_PUT, kind, id, text ? json_text(text) : NULL, score, ttl_usec });
}

/* Each commit raises the generation by one, so that of a copy which is hardly behind would soon be high enough. Begun
 * again by each, it stays too low until the end. */
static void batch_lower_generation(Batch *b, const Manager *m)
{
        batch_add(b, (StoreWrite){ STORE_PUT, STORE_GENERATION, m->deployment, "0" });
}

/* How long what began then and lasts so long has still to go; at least a moment. */
static uint64_t time_left(uint64_t since, uint64_t lasts)
{
        uint64_t age = usec_between(since, now_realtime());

        return age < lasts ? lasts - age : USEC_PER_SEC;
}

/* The job whose intent the store had: a delete takes the place of the create that it displaces. */
static const Job *stored_job(const Instance *i)
{
        const Job *job = i->job;

        if (job && job->successor && job->successor->state != JOB_STORING)
                job = job->successor;
        return job && job->state != JOB_STORING && job->state != JOB_DONE ? job : NULL;
}

static void batch_add_instance(Batch *b, const Manager *m, const Instance *i)
{
        const Job *job = stored_job(i);

        batch_put(b, STORE_INSTANCE, i->id, instance_to_json(i, INSTANCE_VIEW_RECORD), i->created_usec,
                        i->status == INSTANCE_DELETED ? time_left(i->deleted_usec, m->tombstone_usec) : 0);
        if (instance_has_resources(i))
                batch_put(b, STORE_SECRET, i->id, instance_secrets_to_json(i), 0, 0);
        if (instance_is_repeatable(i, now_realtime()))
                batch_add(b, (StoreWrite){ STORE_PUT, STORE_IDEMPOTENCY, i->idempotency_key, i->id, 0,
                                             time_left(i->created_usec, IDEMPOTENCY_TTL_USEC) });
        /* Not into the stream: the store could not take it out again before it has answered, and a job that is not in
         * there is found by its record. */
        if (job)
                batch_put(b, STORE_JOB, job->id, job_to_record(job), 0, 0);
}

/* What is on its way arrives before what is written now, and may know better. */
static bool is_being_written(const Instance *i)
{
        return i->job && (i->job->commit || (i->job->successor && i->job->successor->commit));
}

static void on_committed(int error, const char *reason, void *userdata)
{
        Rewrite *w = userdata;

        w->pending = NULL;
        if (error < 0)
                rewrite_fail(w, reason);
        else
                rewrite_next(w);
}

static void rewrite_commit(Rewrite *w, const Batch *b, PortDone done)
{
        StorePort *store = w->manager->store;
        int r = store->vtable->commit(
                        store, b->writes, b->n, MANAGER_STORE_TIMEOUT_USEC, done, w, &w->pending);

        if (r < 0)
                rewrite_fail(w, strerror(-r));
}

/* As many stale records as one commit takes may not be all of them: the rest is found when the store is read again. */
static void on_begun(int error, const char *reason, void *userdata)
{
        Rewrite *w = userdata;

        w->pending = NULL;
        if (error < 0)
                rewrite_fail(w, reason);
        else if (w->n_stale == STALE_AT_ONCE)
                rewrite_start(w->manager);
        else
                rewrite_next(w);
}

/* What has come to be meanwhile is not stale any more. */
static void batch_drop(Batch *b, Manager *m, const Stale *stale)
{
        if (is_known(m, stale->kind, stale->id))
                return;
        batch_add(b, (StoreWrite){ STORE_DELETE, stale->kind, stale->id });
        if (stale->kind == STORE_JOB)
                batch_add(b, (StoreWrite){ STORE_DEQUEUE, .id = stale->id });
}

/* Products, and whose store it is; what is stale goes. */
static void rewrite_begin(Rewrite *w)
{
        _cleanup_(batch_done) Batch b = { 0 };
        Manager *m = w->manager;

        w->begun = true;
        if (batch_init(&b, 2 * w->n_stale + (size_t) lh_table_length(m->products) + 2) < 0) {
                rewrite_fail(w, strerror(ENOMEM));
                return;
        }
        batch_lower_generation(&b, m);
        for (size_t i = 0; i < w->n_stale; i++)
                batch_drop(&b, m, &w->stale[i]);
        for (struct lh_entry *e = m->products->head; e; e = e->next) {
                const Product *product = lh_entry_v(e);

                batch_put(&b, STORE_PRODUCT, product->id, json_object_get(product->json), 0, 0);
        }
        if (m->marked)
                batch_put(&b, STORE_MARK, m->deployment, json_object_new_object(), 0, 0);
        rewrite_commit(w, &b, on_begun);
}

static void rewrite_instances(Rewrite *w, Instance *first)
{
        _cleanup_(batch_done) Batch b = { 0 };
        Manager *m = w->manager;
        Instance *i = first;

        if (batch_init(&b, (size_t) AT_ONCE_MAX * WRITES_AN_INSTANCE + 1) < 0) {
                rewrite_fail(w, strerror(ENOMEM));
                return;
        }
        batch_lower_generation(&b, m);
        for (size_t n = 0; i && n < AT_ONCE_MAX && !is_being_written(i);
                        i = manager_next_instance(m, i->id), n++) {
                batch_add_instance(&b, m, i);
                if (free_and_strdup(&w->last, i->id) < 0) {
                        rewrite_fail(w, strerror(ENOMEM));
                        return;
                }
        }
        if (i == first)
                rewrite_wait(w);
        else
                rewrite_commit(w, &b, on_committed);
}

static void on_ended(int error, const char *reason, void *userdata)
{
        Rewrite *w = userdata;
        Manager *m = w->manager;
        uint64_t generation = w->generation;

        w->pending = NULL;
        if (error < 0) {
                rewrite_fail(w, reason);
                return;
        }
        rewrite_cancel(m);
        m->rewritten_usec = now_realtime();
        m->counters.rewrites++;
        log_notice("The store (Redis) has all again: %u instances and %d products",
                        manager_count_instances(m), lh_table_length(m->products));
        generation_set(m, generation);
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
}

static void rewrite_end(Rewrite *w)
{
        Manager *m = w->manager;
        char text[24];
        StoreWrite write = { STORE_PUT, STORE_GENERATION, m->deployment, text };
        const Batch b = { .writes = &write, .n = 1 };

        w->generation = generation_next(m);
        (void) snprintf(text, sizeof text, "%" PRIu64, w->generation);
        rewrite_commit(w, &b, on_ended);
}

/* In the order of the registry; one that has gone meanwhile is looked for from the beginning, which does no harm. */
static void rewrite_next(Rewrite *w)
{
        Manager *m = w->manager;
        Instance *next;

        if (w->last && !manager_get_instance(m, w->last))
                w->last = mfree(w->last);
        next = manager_next_instance(m, w->last);
        if (m->changes || m->retaining || m->dropping || m->burying)
                rewrite_wait(w);
        else if (!w->begun)
                rewrite_begin(w);
        else if (next)
                rewrite_instances(w, next);
        else
                rewrite_end(w);
}

/* ---- Reading what there is ---- */

static void on_record(StoreKind kind, const char *id, const char *text, void *userdata)
{
        Rewrite *w = userdata;
        Stale *grown;
        char *copy;

        if (w->n_stale == STALE_AT_ONCE || is_known(w->manager, kind, id))
                return;
        copy = strdup(id);
        grown = copy ? reallocarray(w->stale, w->n_stale + 1, sizeof(Stale)) : NULL;
        if (!grown) {
                free(copy);
                w->starved = true;
                return;
        }
        w->stale = grown;
        w->stale[w->n_stale++] = (Stale){ kind, copy };
}

static void on_read(int error, const char *reason, void *userdata)
{
        Rewrite *w = userdata;

        w->pending = NULL;
        if (error < 0 || w->starved)
                rewrite_fail(w, error < 0 ? reason : strerror(ENOMEM));
        else
                rewrite_next(w);
}

void rewrite_start(Manager *m)
{
        int r;

        rewrite_cancel(m);
        m->rewrite = new0(Rewrite, 1);
        if (!m->rewrite) {
                manager_begin_anew(m, -ENOMEM, "What the store has lost cannot be written again");
                return;
        }
        m->rewrite->manager = m;
        r = m->store->vtable->load(
                        m->store, LOAD_TIMEOUT_USEC, on_record, on_read, m->rewrite, &m->rewrite->pending);
        if (r < 0)
                rewrite_fail(m->rewrite, strerror(-r));
}
