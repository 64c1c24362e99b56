/* SPDX-License-Identifier: MIT */
#include "engine/logs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/parse.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "engine/log-stream.h"
#include "engine/renamed.h"

/* As many as the longest line has: the engine counts pieces, and the first of those asked for may be in the middle. */
#define PIECES_MORE 64

typedef struct LogsTask {
        EngineTask task;
        EngineLogStream stream;
        char tail[16];
        char since[48];
        LogsDone on_text;
} LogsTask;

static void logs_release(EngineTask *t)
{
        engine_log_stream_done(&container_of(t, LogsTask, task)->stream);
}

/* The engine goes on as long as it is read; there are enough lines once the stream takes no more. */
static void logs_end(EngineTask *t, int error, const char *reason)
{
        LogsTask *l = container_of(t, LogsTask, task);
        _cleanup_free_ char *text = error == -ENOBUFS ? engine_log_stream_text(&l->stream) : NULL;

        if (text)
                l->on_text(0, NULL, text, t->userdata);
        else
                l->on_text(error == -ENOBUFS ? -ENOMEM : error, reason, NULL, t->userdata);
}

static int on_data(const char *data, size_t n, void *userdata)
{
        LogsTask *l = container_of((EngineTask *) userdata, LogsTask, task);

        return engine_log_stream_feed(&l->stream, data, n);
}

static void on_logs(EngineTask *t, const EngineReply *reply)
{
        LogsTask *l = container_of(t, LogsTask, task);
        _cleanup_free_ char *text = NULL;

        /* 409: it is being removed. */
        if (reply->error == -ENOENT || reply->status == 409)
                engine_task_fail(t, -ENOENT, "does not exist", NULL);
        else if (reply->error < 0)
                engine_task_fail(t, reply->error, "has logs that could not be read", reply->message);
        else if (!(text = engine_log_stream_text(&l->stream)))
                engine_task_check(t, -ENOMEM);
        else {
                l->on_text(0, NULL, text, t->userdata);
                (void) engine_task_free(t);
        }
}

static int logs_begin(EngineTask *t)
{
        LogsTask *l = container_of(t, LogsTask, task);

        t->on_data = on_data;
        return engine_task_request(t, "GET", NULL, on_logs,
                        "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&tail=%s%s", t->name, l->tail,
                        l->since);
}

static const EngineTaskClass logs_class = {
        .size = ENGINE_TASK_SIZE(LogsTask),
        .about = "container",
        .search = engine_task_search,
        .begin = logs_begin,
        .end = logs_end,
        .release = logs_release,
};

static int logs_new(EngineClient *c, const char *name, uint64_t timeout_usec, LogsDone done, void *userdata,
                LogsTask **ret)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&logs_class, c, name, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        *ret = container_of(t, LogsTask, task);
        (*ret)->on_text = done;
        return 0;
}

static void ask_for_last(LogsTask *l, unsigned lines)
{
        l->stream.pieces = lines + PIECES_MORE;
        (void) snprintf(l->tail, sizeof l->tail, "%u", l->stream.pieces);
}

/* The engine wants seconds and a fraction. */
static int ask_for_first(LogsTask *l, const LogPlace *from, unsigned lines)
{
        const char *since = *from->unfinished ? from->unfinished : from->last;
        uint64_t usec = 0;

        if (*since && parse_timestamp(since, &usec) < 0)
                return -EINVAL;
        l->stream.lines = lines + 1; /* the one where it begins is among them */
        (void) snprintf(l->stream.after, sizeof l->stream.after, "%s", from->last);
        (void) strcpy(l->tail, "all");
        (void) snprintf(l->since, sizeof l->since, "&since=%" PRIu64 ".%06" PRIu64, usec / USEC_PER_SEC,
                        usec % USEC_PER_SEC);
        return 0;
}

int engine_container_logs(EngineClient *c, const char *name, unsigned lines, uint64_t timeout_usec,
                LogsDone done, void *userdata, Pending **ret_pending)
{
        LogsTask *l;
        int r;

        r = logs_new(c, name, timeout_usec, done, userdata, &l);
        if (r < 0)
                return r;
        ask_for_last(l, lines);
        l->stream.bare = true;
        return engine_task_start(&l->task, 0, ret_pending);
}

int engine_container_log_since(EngineClient *c, const char *name, const LogPlace *from, unsigned lines,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending)
{
        LogsTask *l;
        int r;

        r = logs_new(c, name, timeout_usec, done, userdata, &l);
        if (r < 0)
                return r;
        if (!from)
                ask_for_last(l, lines);
        return engine_task_start(&l->task, from ? ask_for_first(l, from, lines) : 0, ret_pending);
}
