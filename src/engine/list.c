/* SPDX-License-Identifier: MIT */
#include "engine/list.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/filters.h"

typedef struct ListTask {
        EngineTask task;
        char *filters;
        struct json_object *replies[3]; /* by ResourceKind; what the items point into */
        Resource *items;
        size_t n, n_allocated;
        ResourcesDone on_items;
} ListTask;

static void list_release(EngineTask *t)
{
        ListTask *l = container_of(t, ListTask, task);

        for (size_t i = 0; i < ELEMENTSOF(l->replies); i++)
                json_object_put(l->replies[i]);
        free(l->filters);
        free(l->items);
}

static void list_end(EngineTask *t, int error, const char *reason)
{
        ListTask *l = container_of(t, ListTask, task);

        l->on_items(error, reason, NULL, 0, t->userdata);
}

/* Containers carry a list of names with slashes before them; those of links have two. */
const char *engine_list_name(ResourceKind kind, struct json_object *o)
{
        struct json_object *names = json_get(o, "Names");
        const char *name = NULL;

        if (kind != RESOURCE_CONTAINER) {
                (void) json_get_string(o, "Name", &name);
                return name;
        }
        for (size_t i = 0;
                        json_object_is_type(names, json_type_array) && i < json_object_array_length(names);
                        i++) {
                name = json_object_get_string(json_object_array_get_idx(names, i));
                if (name && name[0] == '/')
                        name++;
                if (name && !strchr(name, '/'))
                        return name;
        }
        return NULL;
}

static const char *string_of(struct json_object *o, const char *name)
{
        const char *s;

        return json_get_string(o, name, &s) >= 0 && *s ? s : NULL;
}

static const char *subnet_of(struct json_object *network)
{
        struct json_object *config = json_get(json_get(network, "IPAM"), "Config");

        if (!json_object_is_type(config, json_type_array) || json_object_array_length(config) == 0)
                return NULL;
        return string_of(json_object_array_get_idx(config, 0), "Subnet");
}

/* One that is stopped has no address, but the one that it is to be given. */
static const char *ingress_address_of(struct json_object *container)
{
        struct json_object *networks = json_get(json_get(container, "NetworkSettings"), "Networks");
        struct json_object *ingress = json_get(networks, ARK_INGRESS_NETWORK);
        const char *fixed = string_of(json_get(ingress, "IPAMConfig"), "IPv4Address");

        return fixed ? fixed : string_of(ingress, "IPAddress");
}

static int add_item(ListTask *l, ResourceKind kind, struct json_object *o)
{
        Resource item = { .kind = kind, .name = engine_list_name(kind, o), .instance_id = "" };
        struct json_object *labels = json_get(o, "Labels");
        const char *state = "";

        if (!item.name || !engine_client_owns(l->task.client, labels))
                return 0;
        (void) json_get_string(labels, ARK_LABEL_INSTANCE, &item.instance_id);
        (void) json_get_string(o, "State", &state);
        (void) json_get_string(o, "Id", &item.id);
        item.running = kind == RESOURCE_CONTAINER && streq(state, "running");
        item.subnet = kind == RESOURCE_NETWORK ? subnet_of(o) : NULL;
        item.ingress_address = kind == RESOURCE_CONTAINER ? ingress_address_of(o) : NULL;
        if (l->n == l->n_allocated) {
                size_t want = l->n_allocated ? l->n_allocated * 2 : 64;
                Resource *p = reallocarray(l->items, want, sizeof(*p));

                if (!p)
                        return -ENOMEM;
                l->items = p;
                l->n_allocated = want;
        }
        l->items[l->n++] = item;
        return 0;
}

static int ask(EngineTask *t, ResourceKind kind);

/* How many there are in an answer, and the array of them; of no volumes there may be none. What is not understood must
 * not pass for an empty list, as all that is not in it is held to be gone. */
static int read_list(
                ResourceKind kind, struct json_object *json, size_t *ret_n, struct json_object **ret_array)
{
        struct json_object *array = kind == RESOURCE_VOLUME ? json_get(json, "Volumes") : json;
        bool none = kind == RESOURCE_VOLUME && !array && json_object_is_type(json, json_type_object);

        if (!none && !json_object_is_type(array, json_type_array))
                return -EPROTO;
        *ret_n = none ? 0 : json_object_array_length(array);
        *ret_array = array;
        return 0;
}

static void take(EngineTask *t, ResourceKind kind, const EngineReply *reply)
{
        ListTask *l = container_of(t, ListTask, task);
        struct json_object *array = NULL;
        size_t n = 0;
        int r;

        if (reply->error < 0) {
                engine_task_fail(t, reply->error, "could not be listed", reply->message);
                return;
        }
        r = read_list(kind, reply->json, &n, &array);
        l->replies[kind] = json_object_get(reply->json);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = add_item(l, kind, json_object_array_get_idx(array, i));
        if (r >= 0 && kind != RESOURCE_VOLUME)
                r = ask(t, kind + 1);
        if (r < 0)
                engine_task_fail(t, r, "could not be listed",
                                r == -EPROTO ? "the engine's answer was not understood" : strerror(-r));
        else if (kind == RESOURCE_VOLUME) {
                l->on_items(0, NULL, l->items, l->n, t->userdata);
                (void) engine_task_free(t);
        }
}

static void on_containers(EngineTask *t, const EngineReply *reply)
{
        take(t, RESOURCE_CONTAINER, reply);
}

static void on_networks(EngineTask *t, const EngineReply *reply)
{
        take(t, RESOURCE_NETWORK, reply);
}

static void on_volumes(EngineTask *t, const EngineReply *reply)
{
        take(t, RESOURCE_VOLUME, reply);
}

static int ask(EngineTask *t, ResourceKind kind)
{
        static const struct {
                const char *path;
                EngineStep step;
        } questions[] = {
                [RESOURCE_CONTAINER] = { "/containers/json?all=1&", on_containers },
                [RESOURCE_NETWORK] = { "/networks?", on_networks },
                [RESOURCE_VOLUME] = { "/volumes?", on_volumes },
        };
        ListTask *l = container_of(t, ListTask, task);

        t->reply_max = ENGINE_LIST_MAX;
        return engine_task_request(t, "GET", NULL, questions[kind].step, "%sfilters=%s",
                        questions[kind].path, l->filters);
}

static int list_begin(EngineTask *t)
{
        return ask(t, RESOURCE_CONTAINER);
}

static const EngineTaskClass list_class = {
        .size = ENGINE_TASK_SIZE(ListTask),
        .about = "this deployment's resources",
        .any_name = true,
        .begin = list_begin,
        .end = list_end,
        .release = list_release,
};

static int start_list(EngineClient *c, char *filters, uint64_t timeout_usec, ResourcesDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        ListTask *l;
        int r;

        r = engine_task_new(&list_class, c, NULL, timeout_usec, NULL, userdata, &t);
        if (r < 0) {
                free(filters);
                return r;
        }
        l = container_of(t, ListTask, task);
        l->on_items = done;
        l->filters = filters;
        return engine_task_start(t, filters ? 0 : -ENOMEM, ret_pending);
}

int engine_list(EngineClient *c, uint64_t timeout_usec, ResourcesDone done, void *userdata,
                Pending **ret_pending)
{
        return start_list(c, engine_filters(c, false), timeout_usec, done, userdata, ret_pending);
}

int engine_list_of_instance(EngineClient *c, const char *instance_id, uint64_t timeout_usec,
                ResourcesDone done, void *userdata, Pending **ret_pending)
{
        return start_list(c, engine_container_filters(c, instance_id, NULL), timeout_usec, done, userdata,
                        ret_pending);
}
