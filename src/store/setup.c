/* SPDX-License-Identifier: MIT */
#include "store/setup.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "store/link.h"
#include "store/stream.h"

/*
 * What a new connection does, behind its fence, before anybody may use it: it reads which entries of the job stream
 * are ours, those that were claimed before first, then those that nobody has claimed yet. This tells in passing
 * whether Redis is ready, and finds the entries of commits whose answer was lost with the connection before.
 */

#define BATCH "256"

static int read_next(Store *s);

static void on_group_created(int error, const redisReply *reply, void *userdata)
{
        Store *s = userdata;
        int r;

        if (error < 0)
                return;
        if (reply->type == REDIS_REPLY_ERROR) {
                redis_connection_break(s->connection, reply->str);
                return;
        }
        r = read_next(s);
        if (r < 0)
                redis_connection_break(s->connection, strerror(-r));
}

/* Entries that name no job can never be worked on. */
static void drop_nameless(Store *s)
{
        for (size_t i = s->jobs.n; i > 0; i--) {
                const JobEntry *e = s->jobs.items + i - 1;

                if (e->job[0])
                        continue;
                log_warning("Dropping entry %s of the job stream, which names no job", e->id);
                if (store_drop_entry(s, e) < 0)
                        return;
        }
}

static int setup_done(Store *s)
{
        job_entries_done(&s->jobs);
        s->jobs = s->setup_jobs;
        s->setup_jobs = (JobEntries){ 0 };
        drop_nameless(s);
        s->on_set_up(s);
        return 0;
}

static int on_batch(Store *s, const redisReply *reply)
{
        int n;

        n = job_entries_add_reply(&s->setup_jobs, reply);
        if (n < 0)
                return n;
        if (n == 0 && s->setup_new)
                return setup_done(s);
        if (n == 0)
                s->setup_new = true;
        return read_next(s);
}

static void on_read(int error, const redisReply *reply, void *userdata)
{
        Store *s = userdata;
        int r;

        if (error < 0)
                return;
        if (reply->type != REDIS_REPLY_ERROR)
                r = on_batch(s, reply);
        else if (startswith(reply->str, "NOGROUP "))
                r = store_create_group(s, on_group_created, s);
        else {
                redis_connection_break(s->connection, reply->str);
                return;
        }
        if (r < 0)
                redis_connection_break(s->connection,
                                r == -EBADMSG ? "its answer is not understood" : strerror(-r));
}

static int read_next(Store *s)
{
        const char *last = s->setup_jobs.n > 0 ? s->setup_jobs.items[s->setup_jobs.n - 1].id : "0";
        const char *const words[] = { "XREADGROUP", "GROUP", "arkd", "arkd", "COUNT", BATCH, "STREAMS",
                "ark:jobs", s->setup_new ? ">" : last, NULL };

        return store_send(s, words, on_read, s, NULL);
}

void store_setup_start(Store *s)
{
        int r;

        job_entries_done(&s->setup_jobs);
        s->setup_new = false;
        r = read_next(s);
        if (r < 0)
                redis_connection_break(s->connection, strerror(-r));
}
