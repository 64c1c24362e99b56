/* SPDX-License-Identifier: MIT */
#include "engine/container.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "core/spec/digest.h"
#include "engine/container-life.h"
#include "engine/container-spec.h"
#include "engine/json.h"
#include "engine/reference.h"
#include "engine/renamed.h"

#define ENGINE_STOP_S 10 /* as the engine itself has it */

typedef struct ContainerCreate {
        EngineTask task;
        /* The first is that of its creation; how it is joined to each. */
        char *networks[ATTACHMENTS_MAX];
        struct json_object *connects[ATTACHMENTS_MAX];
        char *held[ATTACHMENTS_MAX]; /* ids of those that one that was adopted is on */
        bool connected[ATTACHMENTS_MAX];
        size_t n_networks, next;
        char *former_digest;
        uint64_t log_max;
        unsigned stop_timeout_s;
        bool keep, adopted;
} ContainerCreate;

static void create_release(EngineTask *t)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);

        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                free(n->networks[i]);
                free(n->held[i]);
                json_object_put(n->connects[i]);
        }
        free(n->former_digest);
}

/* Its volumes stay: what is made in its place has them, too. */
static void on_stopped(EngineTask *t, const EngineReply *reply)
{
        engine_task_check(t, engine_container_clear(t->client, t->name, engine_task_left(t),
                                             engine_task_child_ended, t, &t->child));
}

/* Removing one that runs would end it by force, whatever it is about to write; of what does not run that is no matter. */
static void replace(EngineTask *t)
{
        const ContainerCreate *n = container_of(t, ContainerCreate, task);
        unsigned stop_timeout_s = n->stop_timeout_s > 0 ? n->stop_timeout_s : ENGINE_STOP_S;

        engine_task_check(t, engine_task_request(t, "POST", NULL, on_stopped, "/containers/%s/stop?t=%u",
                                             t->name, stop_timeout_s));
}

/* ---- Its networks ---- */

static int connect_next(EngineTask *t);

static void on_connected(EngineTask *t, const EngineReply *reply)
{
        const ContainerCreate *n = container_of(t, ContainerCreate, task);

        if (reply->error >= 0)
                engine_task_check(t, connect_next(t));
        else if (n->adopted && !n->keep)
                replace(t);
        else
                engine_task_fail(t, reply->error, "could not be joined to its network", reply->message);
}

/* Joins it to the next network it is not on yet; ends the task where there is none. */
static int connect_next(EngineTask *t)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);

        for (size_t i = 0; i < n->n_networks; i++) {
                if (n->connected[i])
                        continue;
                n->connected[i] = true;
                return engine_task_request(t, "POST", n->connects[i], on_connected, "/networks/%s/connect",
                                n->networks[i]);
        }
        engine_task_end(t, 0, NULL);
        return 0;
}

static int compare_next(EngineTask *t);

/* Whether that worked shows when it is joined to the new one. */
static void on_let_go(EngineTask *t, const EngineReply *reply)
{
        engine_task_check(t, compare_next(t));
}

static int let_go(EngineTask *t, const char *network)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();

        if (!body || json_set_string(body, "Container", t->name) < 0 ||
                        json_set_bool(body, "Force", true) < 0)
                return -ENOMEM;
        return engine_task_request(t, "POST", body, on_let_go, "/networks/%s/disconnect", network);
}

static void on_network(EngineTask *t, const EngineReply *reply)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);
        size_t i = n->next - 1;
        const char *id;

        if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be joined to its network", reply->message);
        else if (json_get_string(reply->json, "Id", &id) < 0 || streq(id, n->held[i]))
                engine_task_check(t, compare_next(t));
        else {
                n->connected[i] = false;
                engine_task_check(t, let_go(t, n->networks[i]));
        }
}

/*
 * One that does not run keeps to the very network that it was put on: the engine never starts it once that was removed,
 * though another has come under its name. So it lets go of it, and is joined to the other.
 */
static int compare_next(EngineTask *t)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);

        while (n->next < n->n_networks) {
                size_t i = n->next++;

                if (n->held[i])
                        return engine_task_request(
                                        t, "GET", NULL, on_network, "/networks/%s", n->networks[i]);
        }
        return connect_next(t);
}

/* ---- Itself ---- */

static void on_created(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0) {
                container_of(t, ContainerCreate, task)->connected[0] = true;
                engine_task_check(t, connect_next(t));
        } else if (reply->status == 409 && engine_task_pause(t, engine_task_again) >= 0)
                return; /* the name is taken after all: look by whom */
        else
                engine_task_fail(t, reply->error, "could not be created", reply->message);
}

/* One that is there and was made from the same specification: only networks may be missing, or others by now. */
static int adopt(EngineTask *t, struct json_object *container)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);
        struct json_object *networks = json_get(json_get(container, "NetworkSettings"), "Networks");
        bool running = false;

        (void) json_get_bool(json_get(container, "State"), "Running", &running);
        n->adopted = true;
        n->next = 0;
        for (size_t i = 0; i < n->n_networks; i++) {
                struct json_object *endpoint = json_get(networks, n->networks[i]);
                const char *id = NULL;
                int r;

                n->connected[i] = endpoint;
                if (!running && json_get_string(endpoint, "NetworkID", &id) >= 0 && !*id)
                        id = NULL;
                r = free_and_strdup(&n->held[i], id);
                if (r < 0)
                        return r;
        }
        return compare_next(t);
}

static int create(EngineTask *t)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);
        int r;

        n->adopted = false;
        memset(n->connected, 0, sizeof n->connected);
        r = engine_container_adapt(t->client, n->log_max, t->wanted);
        if (r < 0)
                return r;
        return engine_task_request(t, "POST", t->wanted, on_created, "/containers/create?name=%s", t->name);
}

static bool is_of_same_making(const ContainerCreate *n, struct json_object *labels)
{
        const char *found = NULL, *wanted = NULL;

        (void) json_get_string(labels, ARK_LABEL_HASH, &found);
        (void) json_get_string(json_get(n->task.wanted, "Labels"), ARK_LABEL_HASH, &wanted);
        return digest_fits(found, wanted, n->former_digest);
}

static void on_looked(EngineTask *t, const EngineReply *reply)
{
        const ContainerCreate *n = container_of(t, ContainerCreate, task);

        switch (engine_task_found(t, reply)) {
        case ENGINE_FOUND_FAILURE:
                return;
        case ENGINE_FOUND_NOTHING:
                engine_task_check(t, create(t));
                return;
        case ENGINE_FOUND_OURS:
                break;
        }
        if (n->keep || is_of_same_making(n, json_get(json_get(reply->json, "Config"), "Labels")))
                engine_task_check(t, adopt(t, reply->json));
        else
                replace(t);
}

static int begin_create(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_looked, "/containers/%s/json", t->name);
}

static const EngineTaskClass create_class = {
        .size = ENGINE_TASK_SIZE(ContainerCreate),
        .about = "container",
        .search = engine_task_search,
        .renames = true,
        .begin = begin_create,
        .release = create_release,
};

static int take_spec(ContainerCreate *n, const ContainerSpec *spec)
{
        int r = free_and_strdup(&n->former_digest, spec->former_digest);

        if (r < 0)
                return r;
        n->keep = spec->keep;
        for (size_t i = 0; i < spec->n_networks; i++) {
                size_t k = n->n_networks++;

                n->networks[k] = strdup(spec->networks[i].network);
                if (!n->networks[k])
                        return -ENOMEM;
                r = engine_container_connect_body(spec->name, &spec->networks[i], &n->connects[k]);
                if (r < 0)
                        return r;
        }
        n->log_max = spec->log_max;
        n->stop_timeout_s = spec->stop_timeout_s;
        return engine_container_body(spec, &n->task.wanted);
}

static bool networks_are_valid(const ContainerSpec *spec)
{
        for (size_t i = 0; i < spec->n_networks && i < ATTACHMENTS_MAX; i++)
                if (!engine_name_is_valid(spec->networks[i].network))
                        return false;
        return spec->n_networks <= ATTACHMENTS_MAX;
}

int engine_container_create(EngineClient *c, const ContainerSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        if (!networks_are_valid(spec))
                return -EINVAL;
        r = engine_task_new(&create_class, c, spec->name, timeout_usec, done, userdata, &t);
        if (r < 0)
                return r;
        return engine_task_start(t, take_spec(container_of(t, ContainerCreate, task), spec), ret_pending);
}
