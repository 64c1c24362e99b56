/* SPDX-License-Identifier: MIT */
#include "engine/container-life.h"

#include <errno.h>
#include <limits.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/json.h"
#include "engine/renamed.h"

/* ---- Start ------------------------------------------------------------------------------------------------- */

/* Docker's words for one that it was starting when it was killed: that runs, and Docker does not know it. */
static bool is_forgotten(const char *message)
{
        return message && (strstr(message, "id already in use") ||
                                          (strstr(message, "task ") && strstr(message, "already exists")));
}

static void on_started(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0)
                engine_task_end(t, 0, NULL); /* 304: it runs already */
        else if (is_forgotten(reply->message))
                engine_task_fail(t, reply->error,
                                "could not be started: the engine was killed while it started it before and "
                                "does not know that it runs; restart it (systemctl restart docker)",
                                reply->message);
        else if (reply->message && strstr(reply->message, "rlimit type 7"))
                engine_task_fail(t, reply->error,
                                "could not be started: the engine may not give it so many open files; lower "
                                "“files” in the product's limits, or DefaultFiles=",
                                reply->message);
        else
                engine_task_fail(t, reply->error, "could not be started", reply->message);
}

static int begin_start(EngineTask *t)
{
        return engine_task_request(t, "POST", NULL, on_started, "/containers/%s/start", t->name);
}

typedef struct ContainerStop {
        EngineTask task;
        unsigned stop_timeout_s;
} ContainerStop;

static int begin_restart(EngineTask *t)
{
        return engine_task_request(t, "POST", NULL, on_started, "/containers/%s/restart?t=%u", t->name,
                        container_of(t, ContainerStop, task)->stop_timeout_s);
}

static void on_stopped(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0)
                engine_task_end(t, 0, NULL); /* 304: it does not run */
        else
                engine_task_fail(t, reply->error, "could not be stopped", reply->message);
}

static int begin_stop(EngineTask *t)
{
        return engine_task_request(t, "POST", NULL, on_stopped, "/containers/%s/stop?t=%u", t->name,
                        container_of(t, ContainerStop, task)->stop_timeout_s);
}

static const EngineTaskClass start_class = {
        .size = sizeof(EngineTask),
        .about = "container",
        .search = engine_task_search,
        .renames = true,
        .begin = begin_start,
};

static const EngineTaskClass restart_class = {
        .size = ENGINE_TASK_SIZE(ContainerStop),
        .about = "container",
        .search = engine_task_search,
        .renames = true,
        .begin = begin_restart,
};

static const EngineTaskClass stop_class = {
        .size = ENGINE_TASK_SIZE(ContainerStop),
        .about = "container",
        .search = engine_task_search,
        .renames = true,
        .begin = begin_stop,
};

int engine_container_start(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&start_class, c, name, timeout_usec, done, userdata, &t);
        return r < 0 ? r : engine_task_start(t, 0, ret_pending);
}

static int begin_of_class(const EngineTaskClass *class, EngineClient *c, const char *name,
                unsigned stop_timeout_s, uint64_t timeout_usec, PortDone done, void *userdata,
                Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(class, c, name, timeout_usec, done, userdata, &t);
        if (r < 0)
                return r;
        container_of(t, ContainerStop, task)->stop_timeout_s = stop_timeout_s;
        return engine_task_start(t, 0, ret_pending);
}

int engine_container_restart(EngineClient *c, const char *name, unsigned stop_timeout_s,
                uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending)
{
        return begin_of_class(
                        &restart_class, c, name, stop_timeout_s, timeout_usec, done, userdata, ret_pending);
}

int engine_container_stop(EngineClient *c, const char *name, unsigned stop_timeout_s, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        return begin_of_class(
                        &stop_class, c, name, stop_timeout_s, timeout_usec, done, userdata, ret_pending);
}

/* ---- Inspect ----------------------------------------------------------------------------------------------- */

typedef struct ContainerInspect {
        EngineTask task;
        char *network;
        ContainerStateDone on_state;
        bool asked_again;
} ContainerInspect;

static void inspect_release(EngineTask *t)
{
        free(container_of(t, ContainerInspect, task)->network);
}

static void inspect_end(EngineTask *t, int error, const char *reason)
{
        container_of(t, ContainerInspect, task)->on_state(error, reason, NULL, t->userdata);
}

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

/* What is told of a container on a network, or NULL where it is not on it. */
static struct json_object *endpoint_on(struct json_object *container, const char *network)
{
        struct json_object *networks = json_get(json_get(container, "NetworkSettings"), "Networks");

        return network ? json_get(networks, network) : NULL;
}

static const char *address_of(struct json_object *endpoint)
{
        const char *address;

        return json_get_string(endpoint, "IPAddress", &address) >= 0 && address[0] != '\0' ? address : NULL;
}

static int begin_inspect(EngineTask *t);

static void read_networks(struct json_object *container, ContainerState *s)
{
        struct json_object *networks = json_get(json_get(container, "NetworkSettings"), "Networks");

        if (!json_object_is_type(networks, json_type_object))
                return;
        json_object_object_foreach (networks, name, endpoint) {
                const char *id = NULL;

                if (s->n_networks == ELEMENTSOF(s->networks))
                        return;
                (void) json_get_string(endpoint, "NetworkID", &id);
                s->networks[s->n_networks].name = name;
                s->networks[s->n_networks++].id = strempty(id);
        }
}

static void read_volumes(struct json_object *container, ContainerState *s)
{
        struct json_object *mounts = json_get(container, "Mounts");
        size_t n = json_object_is_type(mounts, json_type_array) ? json_object_array_length(mounts) : 0;

        for (size_t i = 0; i < n && s->n_volumes < ELEMENTSOF(s->volumes); i++) {
                struct json_object *mount = json_object_array_get_idx(mounts, i);
                VolumeMount *v = &s->volumes[s->n_volumes];
                const char *type = "";

                if (json_get_string(mount, "Type", &type) >= 0 && streq(type, "volume") &&
                                json_get_string(mount, "Name", &v->name) >= 0 &&
                                json_get_string(mount, "Destination", &v->path) >= 0)
                        s->n_volumes++;
        }
}

/* Strings in it are the reply's. */
static ContainerState state_of(struct json_object *container, const char *network)
{
        struct json_object *state = json_get(container, "State"), *code = json_get(state, "ExitCode");
        struct json_object *endpoint = endpoint_on(container, network);
        ContainerState s = {
                .health = health_of(state), .joined = endpoint != NULL, .address = address_of(endpoint)
        };
        uint64_t restarts = 0;

        (void) json_get_bool(state, "Running", &s.running);
        (void) json_get_bool(state, "Restarting", &s.restarting);
        (void) json_get_bool(state, "OOMKilled", &s.oom_killed);
        s.running = s.running && !s.restarting; /* in the pause between restarts, both are set */
        s.exit_code = json_object_is_type(code, json_type_int) ? json_object_get_int(code) : 0;
        (void) json_get_u64(container, "RestartCount", &restarts);
        engine_json_time(state, "StartedAt", &s.started_usec);
        (void) json_get_string(json_get(json_get(container, "Config"), "Labels"), ARK_LABEL_HASH, &s.digest);
        read_networks(container, &s);
        read_volumes(container, &s);
        s.restart_count = restarts > UINT_MAX ? UINT_MAX : (unsigned) restarts;
        return s;
}

static void on_inspected(EngineTask *t, const EngineReply *reply)
{
        ContainerInspect *n = container_of(t, ContainerInspect, task);
        ContainerState s;

        if (reply->error == -ENOENT) {
                engine_task_fail(t, reply->error, "does not exist", NULL);
                return;
        }
        if (reply->error < 0 || !json_get(reply->json, "State")) {
                engine_task_fail(t, reply->error < 0 ? reply->error : -EPROTO, "could not be inspected",
                                reply->message);
                return;
        }
        s = state_of(reply->json, n->network);
        /* An engine that is being stopped stops its containers, and goes on to answer on the connections that it has;
         * when it is back, it starts them. So an end counts where it is told on a new connection. */
        if (!s.running && !s.restarting && !n->asked_again) {
                n->asked_again = t->fresh = true;
                engine_task_again(t);
                return;
        }
        n->on_state(0, NULL, &s, t->userdata);
        (void) engine_task_free(t);
}

static int begin_inspect(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_inspected, "/containers/%s/json", t->name);
}

static const EngineTaskClass inspect_class = {
        .size = ENGINE_TASK_SIZE(ContainerInspect),
        .about = "container",
        .search = engine_task_search,
        .begin = begin_inspect,
        .end = inspect_end,
        .release = inspect_release,
};

int engine_container_inspect(EngineClient *c, const char *name, const char *network, uint64_t timeout_usec,
                ContainerStateDone done, void *userdata, Pending **ret_pending)
{
        ContainerInspect *n;
        EngineTask *t;
        int r;

        r = engine_task_new(&inspect_class, c, name, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        n = container_of(t, ContainerInspect, task);
        n->on_state = done;
        return engine_task_start(t, free_and_strdup(&n->network, network), ret_pending);
}

/* ---- Remove ------------------------------------------------------------------------------------------------ */

/* What the engine says of a removal is not relied upon: it is over when the container cannot be found. */
static void on_removed(EngineTask *t, const EngineReply *reply)
{
        if (reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (reply->error >= 0)
                engine_task_again(t);
        else if (engine_task_pause(t, engine_task_again) < 0)
                engine_task_fail(t, -ETIMEDOUT, "could not be removed", reply->message);
}

typedef struct ContainerRemove {
        EngineTask task;
        bool with_volumes; /* that are anonymous */
} ContainerRemove;

static void on_looked(EngineTask *t, const EngineReply *reply)
{
        const char *volumes = container_of(t, ContainerRemove, task)->with_volumes ? "1" : "0";

        if (engine_task_found_ours(t, reply))
                engine_task_check(t, engine_task_request(t, "DELETE", NULL, on_removed,
                                                     "/containers/%s?force=1&v=%s", t->name, volumes));
}

static int begin_remove(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_looked, "/containers/%s/json", t->name);
}

static const EngineTaskClass remove_class = {
        .size = ENGINE_TASK_SIZE(ContainerRemove),
        .about = "container",
        .search = engine_task_search,
        .begin = begin_remove,
};

static int start_remove(EngineClient *c, const char *name, bool with_volumes, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&remove_class, c, name, timeout_usec, done, userdata, &t);
        if (r < 0)
                return r;
        container_of(t, ContainerRemove, task)->with_volumes = with_volumes;
        return engine_task_start(t, 0, ret_pending);
}

int engine_container_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return start_remove(c, name, true, timeout_usec, done, userdata, ret_pending);
}

int engine_container_clear(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        return start_remove(c, name, false, timeout_usec, done, userdata, ret_pending);
}
