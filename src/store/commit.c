/* SPDX-License-Identifier: MIT */
#include "store/commit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "store/generation.h"
#include "store/link.h"
#include "store/stream.h"

typedef struct Enqueued {
        size_t command; /* which of the transaction's commands added it */
        char *job;
} Enqueued;

/* A transaction. It outlives its deadline and its cancelling, as its answer still tells what the stream holds. */
struct StoreCommit {
        Pending pending;
        Store *store;
        sd_event_source *timer;
        PortDone done; /* NULL once nobody waits */
        void *userdata;
        size_t n_sent, n_awaited; /* commands */
        size_t raise; /* which of them raises the generation; 0: none does */
        char *refusal; /* what Redis said first against one of the commands */
        Enqueued *enqueued;
        size_t n_enqueued;
        char **dequeued; /* ids of entries */
        TAILQ_ENTRY(StoreCommit) commits;
};

static StoreCommit *commit_free(StoreCommit *c)
{
        if (!c)
                return NULL;
        TAILQ_REMOVE(&c->store->commits, c, commits);
        c->store->n_commits--;
        (void) sd_event_source_disable_unref(c->timer);
        for (size_t i = 0; i < c->n_enqueued; i++)
                free(c->enqueued[i].job);
        free(c->enqueued);
        (void) strv_free(c->dequeued);
        free(c->refusal);
        return mfree(c);
}

static void commit_forget(StoreCommit *c)
{
        c->timer = sd_event_source_disable_unref(c->timer);
        c->done = NULL;
}

static void commit_cancel(Pending *pending)
{
        commit_forget(container_of(pending, StoreCommit, pending));
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        StoreCommit *c = userdata;
        PortDone done = c->done;

        commit_forget(c);
        done(-ETIMEDOUT, "Redis did not answer in time", c->userdata);
        return 0;
}

/* c is freed. */
static void commit_finish(StoreCommit *c, int error, const char *reason)
{
        PortDone done = c->done;
        void *userdata = c->userdata;

        (void) commit_free(c);
        if (done)
                done(error, reason, userdata);
}

static const redisReply *result_of(const redisReply *reply, size_t command)
{
        /* The first command is MULTI, which has no place in EXEC's list. */
        return command - 1 < reply->elements ? reply->element[command - 1] : NULL;
}

static void note_entries(StoreCommit *c, const redisReply *reply)
{
        Store *s = c->store;

        for (size_t i = 0; i < c->n_enqueued; i++) {
                const redisReply *id = result_of(reply, c->enqueued[i].command);

                if (id && id->type == REDIS_REPLY_STRING &&
                                job_entries_add(&s->jobs, id->str, c->enqueued[i].job) < 0)
                        (void) log_oom(); /* it stays in the stream until the next connection finds it */
        }
        for (char **id = c->dequeued; id && *id; id++)
                job_entries_remove(&s->jobs, *id);
}

static void note_generation(const StoreCommit *c, const redisReply *reply)
{
        const redisReply *number = c->raise > 0 ? result_of(reply, c->raise) : NULL;

        if (number)
                store_tell_generation(c->store, number, true);
}

static void on_group_created(int error, const redisReply *reply, void *userdata)
{
        if (error >= 0 && reply->type == REDIS_REPLY_ERROR)
                log_warning("Cannot make the job stream's group anew: %s", reply->str);
}

/* What went wrong with the commands that EXEC carried out, or NULL. */
static const char *find_error(StoreCommit *c, const redisReply *reply)
{
        const char *text = NULL;

        for (size_t i = 0; i < reply->elements; i++) {
                const redisReply *result = reply->element[i];

                /* Where the generation is no number any more, the change was made all the same. */
                if (result->type != REDIS_REPLY_ERROR || (c->raise > 0 && i + 1 == c->raise))
                        continue;
                if (startswith(result->str, "NOGROUP ")) {
                        /* The entry is there, it is only not claimed; that happens when it is read next. */
                        log_warning("The job stream's group has vanished; making it anew");
                        (void) store_create_group(c->store, on_group_created, NULL);
                } else if (!text)
                        text = result->str;
        }
        return text;
}

static void on_exec(StoreCommit *c, const redisReply *reply)
{
        _cleanup_free_ char *reason = NULL;
        const char *text;
        int error;

        if (reply->type == REDIS_REPLY_ARRAY) {
                note_entries(c, reply);
                note_generation(c, reply);
                text = find_error(c, reply);
                if (!text) {
                        commit_finish(c, 0, NULL);
                        return;
                }
                error = -EIO;
                reason = store_reason("Redis did it only in part", text);
        } else {
                text = c->refusal                         ? c->refusal
                       : reply->type == REDIS_REPLY_ERROR ? reply->str
                                                          : "the transaction had no result";
                error = store_error(text);
                reason = store_reason("Redis refused the change", text);
                store_check_readiness(c->store, text);
        }
        commit_finish(c, error, reason ? reason : "Redis refused the change");
}

static void on_reply(int error, const redisReply *reply, void *userdata)
{
        StoreCommit *c = userdata;

        c->n_awaited--;
        if (error >= 0 && c->n_awaited > 0) {
                if (reply->type == REDIS_REPLY_ERROR && !c->refusal)
                        c->refusal = strdup(reply->str); /* without it, EXEC's own words serve */
        } else if (c->n_awaited == 0 && error < 0)
                commit_finish(c, error, "the connection to Redis was lost before it answered");
        else if (c->n_awaited == 0)
                on_exec(c, reply);
}

static int commit_send(StoreCommit *c, const char *const *words)
{
        int r = store_send(c->store, words, on_reply, c, NULL);

        if (r < 0)
                return r;
        c->n_sent++;
        c->n_awaited++;
        return 0;
}

#define SEND(c, ...) commit_send((c), (const char *const[]){ __VA_ARGS__, NULL })

static int send_put(StoreCommit *c, const StoreWrite *w, const char *key)
{
        char number[24];
        int r;

        if (w->ttl_usec > 0) {
                (void) snprintf(number, sizeof number, "%" PRIu64,
                                w->ttl_usec / USEC_PER_MSEC + (w->ttl_usec < USEC_PER_MSEC));
                r = SEND(c, "SET", key, w->text, "PX", number);
        } else
                r = SEND(c, "SET", key, w->text);
        if (r < 0)
                return r;
        switch (w->kind) {
        case STORE_PRODUCT:
                return SEND(c, "SADD", "products", w->id);
        case STORE_INSTANCE:
                (void) snprintf(number, sizeof number, "%" PRIu64, w->score);
                return SEND(c, "ZADD", "instances", number, w->id);
        default:
                return 0;
        }
}

static int send_delete(StoreCommit *c, const StoreWrite *w, const char *key)
{
        int r;

        r = SEND(c, "DEL", key);
        if (r < 0)
                return r;
        switch (w->kind) {
        case STORE_PRODUCT:
                return SEND(c, "SREM", "products", w->id);
        case STORE_INSTANCE:
                return SEND(c, "ZREM", "instances", w->id);
        default:
                return 0;
        }
}

static int send_enqueue(StoreCommit *c, const StoreWrite *w)
{
        Enqueued *e = c->enqueued + c->n_enqueued;

        e->job = strdup(w->id);
        if (!e->job)
                return -ENOMEM;
        e->command = c->n_sent;
        c->n_enqueued++;
        return SEND(c, "XADD", "ark:jobs", "*", "job", w->id);
}

static int send_dequeue(StoreCommit *c, const StoreWrite *w)
{
        const JobEntries *jobs = &c->store->jobs;

        for (size_t i = 0; i < jobs->n; i++) {
                const char *id = jobs->items[i].id;
                int r;

                if (!streq(jobs->items[i].job, w->id))
                        continue;
                r = strv_extend(&c->dequeued, id);
                if (r >= 0)
                        r = SEND(c, "XACK", "ark:jobs", "arkd", id);
                if (r >= 0)
                        r = SEND(c, "XDEL", "ark:jobs", id);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int send_write(StoreCommit *c, const StoreWrite *w)
{
        _cleanup_free_ char *key = NULL;

        if (w->verb == STORE_ENQUEUE)
                return send_enqueue(c, w);
        if (w->verb == STORE_DEQUEUE)
                return send_dequeue(c, w);
        key = str_printf("%s%s", store_prefix(w->kind), w->id);
        if (!key)
                return -ENOMEM;
        return w->verb == STORE_PUT ? send_put(c, w, key) : send_delete(c, w, key);
}

static int send_all(StoreCommit *c, const StoreWrite *writes, size_t n)
{
        char count[24];
        int r;

        r = SEND(c, "MULTI");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = send_write(c, writes + i);
        if (r >= 0 && c->n_enqueued > 0) {
                (void) snprintf(count, sizeof count, "%zu", c->n_enqueued);
                r = SEND(c, "XREADGROUP", "GROUP", "arkd", "arkd", "COUNT", count, "STREAMS", "ark:jobs",
                                ">");
        }
        if (r >= 0 && store_changes_generation(writes, n)) {
                c->raise = c->n_sent;
                r = SEND(c, "INCR", c->store->generation_key);
        }
        return r < 0 ? r : SEND(c, "EXEC");
}

static int check_writes(const StoreWrite *writes, size_t n)
{
        if (n == 0 || n > WRITES_MAX)
                return n == 0 ? -EINVAL : -E2BIG;
        for (size_t i = 0; i < n; i++)
                if (writes[i].verb == STORE_PUT && !writes[i].text)
                        return -ENOMEM;
                else if (writes[i].verb == STORE_PUT && strlen(writes[i].text) > RECORD_SIZE_MAX)
                        return -E2BIG;
        return 0;
}

static int commit_new(Store *s, size_t n, uint64_t timeout_usec, StoreCommit **ret)
{
        StoreCommit *c = new0(StoreCommit, 1);
        int r;

        if (!c)
                return -ENOMEM;
        c->pending.cancel = commit_cancel;
        c->store = s;
        TAILQ_INSERT_TAIL(&s->commits, c, commits);
        s->n_commits++;
        c->enqueued = new0(Enqueued, n);
        r = c->enqueued ? sd_event_add_time_relative(s->event, &c->timer, CLOCK_MONOTONIC, timeout_usec,
                                          USEC_PER_MSEC, on_deadline, c)
                        : -ENOMEM;
        if (r < 0) {
                (void) commit_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

int store_commit(StorePort *port, const StoreWrite *writes, size_t n, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        Store *s = container_of(port, Store, port);
        StoreCommit *c;
        int r;

        if (!store_is_connected(s))
                return -ENOTCONN;
        if (s->n_commits >= COMMITS_MAX)
                return -EBUSY;
        r = check_writes(writes, n);
        if (r < 0)
                return r;
        r = commit_new(s, n, timeout_usec, &c);
        if (r < 0)
                return r;
        r = send_all(c, writes, n);
        if (r < 0) {
                /* Half a transaction is on its way: only losing the connection makes Redis forget it. */
                redis_connection_break(s->connection, strerror(-r));
                if (c->n_awaited == 0)
                        (void) commit_free(c);
                else
                        commit_forget(c);
                return r;
        }
        c->done = done;
        c->userdata = userdata;
        *ret_pending = &c->pending;
        return 0;
}

void store_commits_drop(Store *s)
{
        while (!TAILQ_EMPTY(&s->commits))
                (void) commit_free(TAILQ_FIRST(&s->commits));
}
