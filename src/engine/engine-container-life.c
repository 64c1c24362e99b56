/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>

#include "basic/json-util.h"
#include "engine/engine-container.h"
#include "engine/engine-reference.h"

typedef struct ContainerTask {
        EngineTask task;
        char *name;
        char *network; /* of inspecting */
        ContainerStateDone on_state;
} ContainerTask;

static void container_release(EngineTask *t)
{
        ContainerTask *n = container_of(t, ContainerTask, task);

        free(n->name);
        free(n->network);
        free(n);
}

static const EngineTaskClass container_class = { .release = container_release };

static int container_task_new(EngineClient *c, const EngineTaskClass *class, const char *name,
                uint64_t timeout_usec, PortDone done, void *userdata, ContainerTask **ret)
{
        _cleanup_(engine_task_freep) EngineTask *t = NULL;
        ContainerTask *n;
        int r;

        if (!engine_name_is_valid(name))
                return -EINVAL;
        n = new0(ContainerTask, 1);
        if (!n)
                return -ENOMEM;
        t = &n->task;
        t->class = class;
        r = engine_task_init(t, c, timeout_usec, done, userdata, "container %s", name);
        if (r < 0 || (r = free_and_strdup(&n->name, name)) < 0)
                return r;
        t = NULL;
        *ret = n;
        return 0;
}

/* ---- Start ------------------------------------------------------------------------------------------------- */

static void on_started(EngineTask *t, const EngineReply *reply)
{
        if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be started", reply->message);
        else
                engine_task_end(t, 0, NULL); /* 304: it runs already */
}

static int container_do(EngineClient *c, const char *name, const char *verb, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        ContainerTask *n;
        int r;

        r = container_task_new(c, &container_class, name, timeout_usec, done, userdata, &n);
        if (r < 0)
                return r;
        r = engine_task_request(&n->task, "POST", NULL, on_started, "/containers/%s/%s", name, verb);
        if (r < 0) {
                (void) engine_task_free(&n->task);
                return r;
        }
        *ret_pending = &n->task.pending;
        return 0;
}

int engine_container_start(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return container_do(c, name, "start", timeout_usec, done, userdata, ret_pending);
}

int engine_container_restart(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return container_do(c, name, "restart?t=5", timeout_usec, done, userdata, ret_pending);
}

/* ---- Inspect ----------------------------------------------------------------------------------------------- */

static void end_inspect(EngineTask *t, int error, const char *reason)
{
        ContainerTask *n = container_of(t, ContainerTask, task);

        n->on_state(error, reason, NULL, t->userdata);
}

static const EngineTaskClass inspect_class = { .end = end_inspect, .release = container_release };

static ContainerHealth health_of(struct json_object *state)
{
        const char *status = "";

        (void) json_get_string(json_get(state, "Health"), "Status", &status);
        if (streq(status, "healthy"))
                return CONTAINER_HEALTH_HEALTHY;
        if (streq(status, "unhealthy"))
                return CONTAINER_HEALTH_UNHEALTHY;
        if (streq(status, "starting"))
                return CONTAINER_HEALTH_STARTING;
        return CONTAINER_HEALTH_NONE;
}

static const char *address_on(struct json_object *container, const char *network)
{
        struct json_object *networks = json_get(json_get(container, "NetworkSettings"), "Networks");
        const char *address;

        if (!network || json_get_string(json_get(networks, network), "IPAddress", &address) < 0 ||
                        address[0] == '\0')
                return NULL;
        return address;
}

static void on_inspected(EngineTask *t, const EngineReply *reply)
{
        ContainerTask *n = container_of(t, ContainerTask, task);
        struct json_object *state = json_get(reply->json, "State"), *value;
        ContainerState s = { .name = n->name };
        uint64_t restarts = 0;

        if (reply->error == -ENOENT) {
                engine_task_fail(t, reply->error, "does not exist", NULL);
                return;
        }
        if (reply->error < 0 || !state) {
                engine_task_fail(t, reply->error < 0 ? reply->error : -EPROTO, "could not be inspected",
                                reply->message);
                return;
        }
        (void) json_get_bool(state, "Running", &s.running);
        (void) json_get_bool(state, "Restarting", &s.restarting);
        (void) json_get_bool(state, "OOMKilled", &s.oom_killed);
        s.running = s.running && !s.restarting; /* in the pause between restarts, both are set */
        value = json_get(state, "ExitCode");
        s.exit_code = json_object_is_type(value, json_type_int) ? json_object_get_int(value) : 0;
        (void) json_get_u64(reply->json, "RestartCount", &restarts);
        s.restart_count = restarts > UINT_MAX ? UINT_MAX : (unsigned) restarts;
        s.health = health_of(state);
        s.address = address_on(reply->json, n->network);
        n->on_state(0, NULL, &s, t->userdata);
        (void) engine_task_free(t);
}

int engine_container_inspect(EngineClient *c, const char *name, const char *network, uint64_t timeout_usec,
                ContainerStateDone done, void *userdata, Pending **ret_pending)
{
        ContainerTask *n;
        int r;

        r = container_task_new(c, &inspect_class, name, timeout_usec, NULL, userdata, &n);
        if (r < 0)
                return r;
        n->on_state = done;
        r = free_and_strdup(&n->network, network);
        if (r >= 0)
                r = engine_task_request(&n->task, "GET", NULL, on_inspected, "/containers/%s/json", name);
        if (r < 0) {
                (void) engine_task_free(&n->task);
                return r;
        }
        *ret_pending = &n->task.pending;
        return 0;
}

/* ---- Remove ------------------------------------------------------------------------------------------------ */

static int start_removing(EngineTask *t);

static void look_again(EngineTask *t)
{
        engine_task_check(t, start_removing(t));
}

/* What the engine says of a removal is not relied upon: it is over when the container cannot be found. */
static void on_removed(EngineTask *t, const EngineReply *reply)
{
        if (reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (reply->error >= 0)
                look_again(t);
        else if (engine_task_pause(t, look_again) < 0)
                engine_task_fail(t, -ETIMEDOUT, "could not be removed", reply->message);
}

static void on_looked(EngineTask *t, const EngineReply *reply)
{
        ContainerTask *n = container_of(t, ContainerTask, task);

        if (reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
        else if (!engine_task_owns(t, reply))
                engine_task_fail(t, -EEXIST, "is not this deployment's and was left alone", NULL);
        else
                engine_task_check(t, engine_task_request(t, "DELETE", NULL, on_removed,
                                                     "/containers/%s?force=1&v=1", n->name));
}

static int start_removing(EngineTask *t)
{
        ContainerTask *n = container_of(t, ContainerTask, task);

        return engine_task_request(t, "GET", NULL, on_looked, "/containers/%s/json", n->name);
}

int engine_container_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        ContainerTask *n;
        int r;

        r = container_task_new(c, &container_class, name, timeout_usec, done, userdata, &n);
        if (r < 0)
                return r;
        r = start_removing(&n->task);
        if (r < 0) {
                (void) engine_task_free(&n->task);
                return r;
        }
        *ret_pending = &n->task.pending;
        return 0;
}
