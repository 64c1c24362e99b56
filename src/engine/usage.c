/* SPDX-License-Identifier: MIT */
#include "engine/usage.h"

#include <errno.h>

#include "basic/json-util.h"
#include "engine/json.h"
#include "engine/renamed.h"

typedef struct UsageTask {
        EngineTask task;
        ContainerUsage usage;
        ContainerUsageDone on_usage;
} UsageTask;

static void usage_end(EngineTask *t, int error, const char *reason)
{
        container_of(t, UsageTask, task)->on_usage(error, reason, NULL, t->userdata);
}

static void usage_succeed(EngineTask *t)
{
        UsageTask *u = container_of(t, UsageTask, task);

        u->on_usage(0, NULL, &u->usage, t->userdata);
        (void) engine_task_free(t);
}

static uint64_t limit_of(struct json_object *config, const char *name)
{
        uint64_t limit;

        /* Zero, a negative number and null are ways to say that there is none. */
        return json_get_u64(config, name, &limit) >= 0 && limit > 0 ? limit : USAGE_UNKNOWN;
}

void engine_usage_take_container(struct json_object *container, ContainerUsage *usage)
{
        struct json_object *state = json_get(container, "State"),
                           *config = json_get(container, "HostConfig");
        bool restarting = false;

        (void) json_get_bool(state, "Running", &usage->running);
        (void) json_get_bool(state, "Restarting", &restarting);
        usage->running = usage->running && !restarting;
        engine_json_time(state, "StartedAt", &usage->started_usec);
        usage->memory_limit = limit_of(config, "Memory");
        usage->pids_limit = limit_of(config, "PidsLimit");
}

/* Without the files that are in memory but could go at once, as "docker stats" shows it: cgroup v1 calls them
 * total_inactive_file, v2 inactive_file. */
static void take_memory(struct json_object *memory, uint64_t *ret)
{
        struct json_object *details = json_get(memory, "stats");
        uint64_t usage, files = 0;

        if (json_get_u64(memory, "usage", &usage) < 0)
                return;
        if (json_get_u64(details, "total_inactive_file", &files) < 0)
                (void) json_get_u64(details, "inactive_file", &files);
        *ret = files < usage ? usage - files : usage;
}

void engine_usage_take_stats(struct json_object *stats, ContainerUsage *usage)
{
        engine_json_time(stats, "read", &usage->read_usec);
        take_memory(json_get(stats, "memory_stats"), &usage->memory);
        (void) json_get_u64(json_get(json_get(stats, "cpu_stats"), "cpu_usage"), "total_usage",
                        &usage->cpu_nsec);
        (void) json_get_u64(json_get(stats, "pids_stats"), "current", &usage->pids);
}

static bool is_answered(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0 && json_object_is_type(reply->json, json_type_object))
                return true;
        if (reply->error == -ENOENT)
                engine_task_fail(t, -ENOENT, "does not exist", NULL);
        else
                engine_task_fail(t, reply->error < 0 ? reply->error : -EPROTO, "could not be measured",
                                reply->message);
        return false;
}

static void on_stats(EngineTask *t, const EngineReply *reply)
{
        if (!is_answered(t, reply))
                return;
        engine_usage_take_stats(reply->json, &container_of(t, UsageTask, task)->usage);
        usage_succeed(t);
}

static void on_inspected(EngineTask *t, const EngineReply *reply)
{
        UsageTask *u = container_of(t, UsageTask, task);

        if (!is_answered(t, reply))
                return;
        engine_usage_take_container(reply->json, &u->usage);
        if (!u->usage.running) {
                usage_succeed(t);
                return;
        }
        /* One sample; a second one, for a share of CPU, is left to who wants it. Docker 20.10 waits for its next
         * reading all the same, which it takes every second; later ones answer at once. */
        engine_task_check(t, engine_task_request(t, "GET", NULL, on_stats,
                                             "/containers/%s/stats?stream=false&one-shot=true", t->name));
}

static int usage_begin(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_inspected, "/containers/%s/json", t->name);
}

static const EngineTaskClass usage_class = {
        .size = ENGINE_TASK_SIZE(UsageTask),
        .about = "container",
        .search = engine_task_search,
        .begin = usage_begin,
        .end = usage_end,
};

int engine_container_usage(EngineClient *c, const char *name, uint64_t timeout_usec, ContainerUsageDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        UsageTask *u;
        int r;

        r = engine_task_new(&usage_class, c, name, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        u = container_of(t, UsageTask, task);
        u->on_usage = done;
        u->usage = CONTAINER_USAGE_UNKNOWN;
        return engine_task_start(t, 0, ret_pending);
}
