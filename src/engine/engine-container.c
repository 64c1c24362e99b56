/* SPDX-License-Identifier: MIT */
#include "engine/engine-container.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/engine-json.h"
#include "engine/engine-reference.h"

typedef struct ContainerCreate {
        EngineTask task;
        char *name;
        struct json_object *body;
        /* The networks beyond that of its creation, and how it is joined to each. */
        char *networks[ATTACHMENTS_MAX];
        struct json_object *connects[ATTACHMENTS_MAX];
        bool connected[ATTACHMENTS_MAX];
        size_t n_networks;
} ContainerCreate;

static void look(EngineTask *t);

static void create_release(EngineTask *t)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);

        for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
                free(n->networks[i]);
                json_object_put(n->connects[i]);
        }
        free(n->name);
        json_object_put(n->body);
        free(n);
}

static const EngineTaskClass create_class = { .release = create_release };

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
        if (reply->error >= 0)
                engine_task_check(t, connect_next(t));
        else if (reply->status == 409 && engine_task_pause(t, look) >= 0)
                return; /* the name is taken after all: look by whom */
        else
                engine_task_fail(t, reply->error, "could not be created", reply->message);
}

static void on_removed(int error, const char *reason, void *userdata)
{
        EngineTask *t = userdata;

        t->child = NULL;
        if (error < 0)
                engine_task_end(t, error, reason);
        else
                look(t);
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
        ContainerCreate *n = container_of(t, ContainerCreate, task);
        int r;

        r = engine_container_adapt(t->client, n->body);
        if (r < 0)
                return r;
        return engine_task_request(t, "POST", n->body, on_created, "/containers/create?name=%s", n->name);
}

static void on_looked(EngineTask *t, const EngineReply *reply)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);
        struct json_object *labels = json_get(json_get(reply->json, "Config"), "Labels");
        struct json_object *wanted = json_get(n->body, "Labels");

        if (reply->error == -ENOENT)
                engine_task_check(t, create(t));
        else if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
        else if (!engine_client_owns(t->client, labels) ||
                        !engine_json_same_string(labels, wanted, ARK_LABEL_INSTANCE))
                engine_task_fail(t, -EEXIST,
                                "exists already and is not this deployment's; remove or rename it", NULL);
        else if (engine_json_same_string(labels, wanted, ENGINE_LABEL_SPEC))
                adopt(t, reply->json);
        else
                engine_task_check(t, engine_container_remove(t->client, n->name, engine_task_left(t),
                                                     on_removed, t, &t->child));
}

static int start_looking(EngineTask *t)
{
        ContainerCreate *n = container_of(t, ContainerCreate, task);

        return engine_task_request(t, "GET", NULL, on_looked, "/containers/%s/json", n->name);
}

static void look(EngineTask *t)
{
        engine_task_check(t, start_looking(t));
}

static int take_spec(ContainerCreate *n, const ContainerSpec *spec)
{
        int r;

        n->name = strdup(spec->name);
        if (!n->name)
                return -ENOMEM;
        for (size_t i = 1; i < spec->n_networks; i++) {
                size_t k = n->n_networks++;

                n->networks[k] = strdup(spec->networks[i].network);
                if (!n->networks[k])
                        return -ENOMEM;
                r = engine_container_connect_body(spec->name, &spec->networks[i], &n->connects[k]);
                if (r < 0)
                        return r;
        }
        return engine_container_body(spec, &n->body);
}

static bool spec_is_valid(const ContainerSpec *spec)
{
        if (!engine_name_is_valid(spec->name) || spec->n_networks > ATTACHMENTS_MAX)
                return false;
        for (size_t i = 0; i < spec->n_networks; i++)
                if (!engine_name_is_valid(spec->networks[i].network))
                        return false;
        return true;
}

int engine_container_create(EngineClient *c, const ContainerSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        _cleanup_(engine_task_freep) EngineTask *t = NULL;
        ContainerCreate *n;
        int r;

        if (!spec_is_valid(spec))
                return -EINVAL;
        n = new0(ContainerCreate, 1);
        if (!n)
                return -ENOMEM;
        t = &n->task;
        t->class = &create_class;
        r = engine_task_init(t, c, timeout_usec, done, userdata, "container %s", spec->name);
        if (r < 0 || (r = take_spec(n, spec)) < 0 || (r = start_looking(t)) < 0)
                return r;
        *ret_pending = &TAKE_PTR(t)->pending;
        return 0;
}
