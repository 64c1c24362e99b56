/* SPDX-License-Identifier: MIT */
#include "engine/engine-container.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/engine-json.h"
#include "engine/engine-reference.h"

typedef struct ContainerCreate {
        EngineTask task;
        /* The first is that of its creation; how it is joined to each. */
        char *networks[ATTACHMENTS_MAX];
        struct json_object *connects[ATTACHMENTS_MAX];
        bool connected[ATTACHMENTS_MAX];
        size_t n_networks;
} ContainerCreate;

static void create_release(EngineTask *t)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);

        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                free(n->networks[i]);
                json_object_put(n->connects[i]);
        }
}

static int connect_next(EngineTask *t);

static void on_connected(EngineTask *t, const EngineReply *reply)
{
        if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be joined to its network", reply->message);
        else
                engine_task_check(t, connect_next(t));
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

/* One that is there and was made from the same specification: only networks may be missing. */
static void adopt(EngineTask *t, struct json_object *container)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);
        struct json_object *networks = json_get(json_get(container, "NetworkSettings"), "Networks");

        for (size_t i = 0; i < n->n_networks; i++)
                n->connected[i] = json_get(networks, n->networks[i]);
        engine_task_check(t, connect_next(t));
}

static int create(EngineTask *t)
{
        int r;

        r = engine_container_adapt(t->client, t->wanted);
        if (r < 0)
                return r;
        return engine_task_request(t, "POST", t->wanted, on_created, "/containers/create?name=%s", t->name);
}

static void on_looked(EngineTask *t, const EngineReply *reply)
{
        struct json_object *labels = json_get(json_get(reply->json, "Config"), "Labels");

        switch (engine_task_found(t, reply)) {
        case ENGINE_FOUND_FAILURE:
                return;
        case ENGINE_FOUND_NOTHING:
                engine_task_check(t, create(t));
                return;
        case ENGINE_FOUND_OURS:
                break;
        }
        if (engine_json_same_string(labels, json_get(t->wanted, "Labels"), ARK_LABEL_HASH))
                adopt(t, reply->json);
        else
                engine_task_check(t, engine_container_remove(t->client, t->name, engine_task_left(t),
                                                     engine_task_child_ended, t, &t->child));
}

static int begin_create(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_looked, "/containers/%s/json", t->name);
}

static const EngineTaskClass create_class = {
        .size = ENGINE_TASK_SIZE(ContainerCreate),
        .about = "container",
        .begin = begin_create,
        .release = create_release,
};

static int take_spec(ContainerCreate *n, const ContainerSpec *spec)
{
        int r;

        for (size_t i = 0; i < spec->n_networks; i++) {
                size_t k = n->n_networks++;

                n->networks[k] = strdup(spec->networks[i].network);
                if (!n->networks[k])
                        return -ENOMEM;
                r = engine_container_connect_body(spec->name, &spec->networks[i], &n->connects[k]);
                if (r < 0)
                        return r;
        }
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
