/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "engine/engine-container.h"
#include "engine/engine-stream.h"

typedef struct LogsTask {
        EngineTask task;
        EngineLogStream stream;
        unsigned lines;
        char *query; /* what comes behind the two streams and the number of lines */
        LogsDone on_text;
} LogsTask;

static void logs_release(EngineTask *t)
{
        LogsTask *l = container_of(t, LogsTask, task);

        engine_log_stream_done(&l->stream);
        free(l->query);
}

static void logs_end(EngineTask *t, int error, const char *reason)
{
        LogsTask *l = container_of(t, LogsTask, task);

        l->on_text(error, reason, NULL, t->userdata);
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

        if (reply->error == -ENOENT)
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
                        "/containers/%s/logs?stdout=1&stderr=1&tail=%u%s", t->name, l->lines, l->query);
}

static const EngineTaskClass logs_class = {
        .size = ENGINE_TASK_SIZE(LogsTask),
        .about = "container",
        .begin = logs_begin,
        .end = logs_end,
        .release = logs_release,
};

static int logs_start(EngineClient *c, const char *name, unsigned lines, const char *query,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        LogsTask *l;
        int r;

        r = engine_task_new(&logs_class, c, name, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        l = container_of(t, LogsTask, task);
        l->on_text = done;
        l->lines = lines;
        return engine_task_start(t, free_and_strdup(&l->query, query), ret_pending);
}

int engine_container_logs(EngineClient *c, const char *name, unsigned lines, uint64_t timeout_usec,
                LogsDone done, void *userdata, Pending **ret_pending)
{
        return logs_start(c, name, lines, "", timeout_usec, done, userdata, ret_pending);
}

int engine_container_log_since(EngineClient *c, const char *name, const char *since, unsigned lines,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending)
{
        _cleanup_free_ char *query = NULL;

        if (since && strspn(since, "0123456789-:.TZ") != strlen(since))
                return -EINVAL;
        query = str_printf("&timestamps=1%s%s", since ? "&since=" : "", strempty(since));
        if (!query)
                return -ENOMEM;
        return logs_start(c, name, lines, query, timeout_usec, done, userdata, ret_pending);
}
