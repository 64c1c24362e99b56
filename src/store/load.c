/* SPDX-License-Identifier: MIT */
#include "store/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "store/link.h"
#include "store/records.h"
#include "store/stream.h"

/*
 * Loading reads the two sets, then walks all keys, so that a record is found even where its set has lost it, and
 * reads the records in batches. The records are right: the sets are made to agree with them at the end.
 */

#define BATCH       100
#define SCAN_BATCH  "1000"
#define RANGE_BATCH 1000

typedef enum LoadPhase {
        LOAD_PRODUCTS, /* the set */
        LOAD_INSTANCES, /* the sorted set */
        LOAD_KEYS,
        LOAD_TEXTS,
} LoadPhase;

struct StoreLoad {
        Pending pending;
        Store *store;
        Pending *call; /* the command under way */
        sd_event_source *timer;
        StoreRecordHandler on_record;
        PortDone done;
        void *userdata;
        LoadPhase phase;
        char cursor[24]; /* of SCAN and SSCAN */
        size_t position; /* of ZRANGE, and in the records */
        Records records;
        bool delivering, cancelled;
};

static int load_next(StoreLoad *l);

static StoreLoad *load_free(StoreLoad *l)
{
        if (!l)
                return NULL;
        (void) pending_cancel(l->call);
        (void) sd_event_source_disable_unref(l->timer);
        records_done(&l->records);
        if (l->store->load == l)
                l->store->load = NULL;
        return mfree(l);
}

static void load_cancel(Pending *pending)
{
        StoreLoad *l = container_of(pending, StoreLoad, pending);

        if (!l->delivering) {
                (void) load_free(l);
                return;
        }
        l->cancelled = true;
        l->store->load = NULL;
}

/* l is freed. */
static void load_finish(StoreLoad *l, int error, const char *reason)
{
        PortDone done = l->done;
        void *userdata = l->userdata;

        (void) load_free(l);
        done(error, reason, userdata);
}

static void load_fail(StoreLoad *l, int error, const char *text)
{
        _cleanup_free_ char *reason = store_reason("Reading from Redis failed", text);

        load_finish(l, error, reason ? reason : "Reading from Redis failed");
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        load_finish(userdata, -ETIMEDOUT, "Redis did not answer in time");
        return 0;
}

/* A key's or member's name as a string, or NULL where it is not one that we ever made. */
static const char *name_of(const redisReply *reply)
{
        if (reply->type != REDIS_REPLY_STRING || reply->len == 0 || strlen(reply->str) != reply->len)
                return NULL;
        return reply->str;
}

/* The reply of SCAN and SSCAN: the cursor that continues, and a list. */
static int read_cursor(StoreLoad *l, const redisReply *reply, const redisReply **ret_list)
{
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
                        reply->element[0]->type != REDIS_REPLY_STRING ||
                        reply->element[0]->len >= sizeof l->cursor ||
                        reply->element[1]->type != REDIS_REPLY_ARRAY)
                return -EBADMSG;
        memcpy(l->cursor, reply->element[0]->str, reply->element[0]->len + 1);
        *ret_list = reply->element[1];
        return 0;
}

static int on_products(StoreLoad *l, const redisReply *reply)
{
        const redisReply *list = NULL;
        int r;

        r = read_cursor(l, reply, &list);
        for (size_t i = 0; r >= 0 && i < list->elements; i++) {
                const char *id = name_of(list->element[i]);

                if (id)
                        r = records_add(&l->records, STORE_PRODUCT, id, true, 0);
        }
        if (r >= 0 && streq(l->cursor, "0"))
                l->phase = LOAD_INSTANCES;
        return r;
}

static int on_instances(StoreLoad *l, const redisReply *reply)
{
        int r = 0;

        if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
                return -EBADMSG;
        for (size_t i = 0; r >= 0 && i < reply->elements; i += 2) {
                const char *id = name_of(reply->element[i]), *score = name_of(reply->element[i + 1]);

                if (id && score)
                        r = records_add(&l->records, STORE_INSTANCE, id, true, strtod(score, NULL));
        }
        l->position += reply->elements / 2;
        if (reply->elements == 0)
                l->phase = LOAD_KEYS;
        return r;
}

static int on_keys(StoreLoad *l, const redisReply *reply)
{
        const redisReply *list = NULL;
        int r;

        r = read_cursor(l, reply, &list);
        for (size_t i = 0; r >= 0 && i < list->elements; i++) {
                const char *key = name_of(list->element[i]);

                for (StoreKind kind = 0; key && r >= 0 && kind < STORE_IDEMPOTENCY; kind++) {
                        const char *id = startswith(key, store_prefix(kind));

                        if (id && id[0])
                                r = records_add(&l->records, kind, id, false, 0);
                }
        }
        if (r >= 0 && streq(l->cursor, "0")) {
                records_unite(&l->records);
                l->phase = LOAD_TEXTS;
                l->position = 0;
        }
        return r;
}

static int on_texts(StoreLoad *l, const redisReply *reply)
{
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements > l->records.n - l->position)
                return -EBADMSG;
        for (size_t i = 0; i < reply->elements; i++) {
                const redisReply *text = reply->element[i];
                Record *record = l->records.items + l->position + i;

                if (text->type != REDIS_REPLY_STRING)
                        continue; /* gone meanwhile, or not a string */
                record->text = strdup(text->str);
                if (!record->text)
                        return -ENOMEM;
                if (record->kind == STORE_INSTANCE)
                        record_read_created(record);
        }
        l->position += reply->elements;
        return 0;
}

static void on_repaired(int error, const redisReply *reply, void *userdata)
{
        if (error >= 0 && reply->type == REDIS_REPLY_ERROR)
                log_warning("Cannot bring Redis' sets in line with the records: %s", reply->str);
}

/* Makes the sets agree with the records; where that fails, the next load does it. */
static void repair_sets(StoreLoad *l)
{
        size_t n_repaired = 0;
        char score[24];

        for (size_t i = 0; i < l->records.n; i++) {
                const Record *record = l->records.items + i;
                const char *const srem[] = { "SREM", "products", record->id, NULL };
                const char *const sadd[] = { "SADD", "products", record->id, NULL };
                const char *const zrem[] = { "ZREM", "instances", record->id, NULL };
                const char *const zadd[] = { "ZADD", "instances", score, record->id, NULL };
                const char *const *words = NULL;

                (void) snprintf(score, sizeof score, "%" PRIu64, record->created_usec);
                if (record->kind == STORE_PRODUCT && record->in_set != (record->text != NULL))
                        words = record->text ? sadd : srem;
                if (record->kind == STORE_INSTANCE && !record->text && record->in_set)
                        words = zrem;
                if (record->kind == STORE_INSTANCE && record->text && !record_score_is_right(record))
                        words = zadd;
                if (!words)
                        continue;
                if (store_send(l->store, words, on_repaired, NULL, NULL) < 0)
                        return;
                n_repaired++;
        }
        if (n_repaired > 0)
                log_info("Brought %zu members of Redis' sets in line with the records", n_repaired);
}

static void deliver_kind(StoreLoad *l, StoreKind kind)
{
        for (size_t i = 0; i < l->records.n && !l->cancelled; i++)
                if (l->records.items[i].kind == kind && l->records.items[i].text)
                        l->on_record(kind, l->records.items[i].id, l->records.items[i].text, l->userdata);
}

/* The ids are copied first: a handler that commits changes the store's own list. */
static int job_ids(Store *s, char ***ret_ids)
{
        _cleanup_(strv_freep) char **ids = new0(char *, s->jobs.n + 1);
        size_t n = 0;

        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < s->jobs.n; i++) {
                const JobEntry *e = s->jobs.items + i;

                if (job_entries_find(&s->jobs, e->job) != e)
                        continue;
                ids[n] = strdup(e->job);
                if (!ids[n++])
                        return -ENOMEM;
        }
        *ret_ids = TAKE_PTR(ids);
        return 0;
}

/* A job that has no record was taken back; where this does not reach Redis, the next load does it. */
static void drop_entries(Store *s, const char *job)
{
        for (const JobEntry *e = job_entries_find(&s->jobs, job); e; e = job_entries_find(&s->jobs, job))
                if (store_drop_entry(s, e) < 0)
                        return;
}

static void deliver_jobs(StoreLoad *l, char *const *ids)
{
        for (; *ids && !l->cancelled; ids++) {
                const Record *record = records_find(&l->records, STORE_JOB, *ids);

                if (record && record->text) {
                        l->on_record(STORE_JOB, record->id, record->text, l->userdata);
                        continue;
                }
                log_notice("The job stream names job %s, of which there is no record; it is taken out",
                                *ids);
                drop_entries(l->store, *ids);
        }
}

/* The stream may have been lost, and what it named not. */
static void deliver_unlisted_jobs(StoreLoad *l, char *const *ids)
{
        for (size_t i = 0; i < l->records.n && !l->cancelled; i++) {
                const Record *record = l->records.items + i;

                if (record->kind != STORE_JOB || !record->text || strv_contains(ids, record->id))
                        continue;
                log_notice("Job %s is not in the job stream", record->id);
                l->on_record(STORE_JOB, record->id, record->text, l->userdata);
        }
}

/* l is freed. */
static void load_deliver(StoreLoad *l)
{
        _cleanup_(strv_freep) char **ids = NULL;
        int r;

        r = job_ids(l->store, &ids);
        if (r < 0) {
                load_fail(l, r, strerror(-r));
                return;
        }
        repair_sets(l);
        records_sort_by_age(&l->records);
        l->delivering = true;
        deliver_kind(l, STORE_MARK);
        deliver_kind(l, STORE_GENERATION);
        deliver_kind(l, STORE_PRODUCT);
        deliver_kind(l, STORE_SECRET);
        deliver_kind(l, STORE_INSTANCE);
        if (!l->cancelled)
                deliver_jobs(l, ids);
        deliver_unlisted_jobs(l, ids);
        if (l->cancelled)
                (void) load_free(l);
        else
                load_finish(l, 0, NULL);
}

static void on_reply(int error, const redisReply *reply, void *userdata)
{
        static int (*const handlers[])(StoreLoad *, const redisReply *) = {
                [LOAD_PRODUCTS] = on_products,
                [LOAD_INSTANCES] = on_instances,
                [LOAD_KEYS] = on_keys,
                [LOAD_TEXTS] = on_texts,
        };
        StoreLoad *l = userdata;
        int r;

        l->call = NULL;
        if (error < 0) {
                load_fail(l, error, "the connection was lost");
                return;
        }
        if (reply->type == REDIS_REPLY_ERROR) {
                store_check_readiness(l->store, reply->str);
                load_fail(l, store_error(reply->str), reply->str);
                return;
        }
        r = handlers[l->phase](l, reply);
        if (r >= 0 && l->phase == LOAD_TEXTS && l->position == l->records.n) {
                load_deliver(l);
                return;
        }
        if (r >= 0)
                r = load_next(l);
        if (r < 0)
                load_fail(l, r, r == -EBADMSG ? "its answer is not understood" : strerror(-r));
}

#define SEND(l, ...)                                                                                        \
        store_send((l)->store, (const char *const[]){ __VA_ARGS__, NULL }, on_reply, (l), &(l)->call)

static int request_instances(StoreLoad *l)
{
        char first[24], last[24];

        (void) snprintf(first, sizeof first, "%zu", l->position);
        (void) snprintf(last, sizeof last, "%zu", l->position + RANGE_BATCH - 1);
        return SEND(l, "ZRANGE", "instances", first, last, "WITHSCORES");
}

static int request_texts(StoreLoad *l)
{
        size_t n = l->records.n - l->position < BATCH ? l->records.n - l->position : BATCH;
        _cleanup_(strv_freep) char **words = new0(char *, BATCH + 2);

        if (!words)
                return -ENOMEM;
        words[0] = strdup("MGET");
        if (!words[0])
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const Record *record = l->records.items + l->position + i;

                words[i + 1] = str_printf("%s%s", store_prefix(record->kind), record->id);
                if (!words[i + 1])
                        return -ENOMEM;
        }
        return redis_connection_command(l->store->connection, n + 1, (const char *const *) words, NULL,
                        on_reply, l, &l->call);
}

static int load_next(StoreLoad *l)
{
        switch (l->phase) {
        case LOAD_PRODUCTS:
                return SEND(l, "SSCAN", "products", l->cursor, "COUNT", SCAN_BATCH);
        case LOAD_INSTANCES:
                return request_instances(l);
        case LOAD_KEYS:
                return SEND(l, "SCAN", l->cursor, "COUNT", SCAN_BATCH);
        default:
                return request_texts(l);
        }
}

int store_load(StorePort *port, uint64_t timeout_usec, StoreRecordHandler on_record, PortDone done,
                void *userdata, Pending **ret_pending)
{
        Store *s = container_of(port, Store, port);
        StoreLoad *l;
        int r;

        if (!store_is_connected(s))
                return -ENOTCONN;
        if (s->load)
                return -EBUSY;
        l = new0(StoreLoad, 1);
        if (!l)
                return -ENOMEM;
        l->pending.cancel = load_cancel;
        l->store = s;
        l->on_record = on_record;
        l->done = done;
        l->userdata = userdata;
        (void) strcpy(l->cursor, "0");
        r = sd_event_add_time_relative(
                        s->event, &l->timer, CLOCK_MONOTONIC, timeout_usec, USEC_PER_MSEC, on_deadline, l);
        if (r >= 0)
                r = load_next(l);
        if (r < 0) {
                (void) load_free(l);
                return r;
        }
        s->load = l;
        *ret_pending = &l->pending;
        return 0;
}

void store_load_drop(Store *s)
{
        s->load = load_free(s->load);
}
