/* SPDX-License-Identifier: MIT */
#include "engine/engine-list.h"

#include <curl/curl.h>
#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/engine-json.h"

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

/* Of what happens to containers: all but the noise that health checks, attaching and signals make. "health_status"
 * stands for "health_status: healthy" and the like. */
static int filter_events(struct json_object *filters)
{
        static const char *const events[] = { "create", "start", "die", "oom", "destroy", "rename",
                "health_status", NULL };
        static const char *const types[] = { "container", NULL };
        int r;

        r = engine_json_strings(filters, "type", types);
        return r < 0 ? r : engine_json_strings(filters, "event", events);
}

char *engine_filters(const EngineClient *c, bool of_events)
{
        _cleanup_json_ struct json_object *filters = json_object_new_object();
        _cleanup_free_ char *label = str_printf("%s=%s", ARK_LABEL_DEPLOYMENT, c->deployment);
        struct json_object *labels;
        const char *text;
        char *escaped, *copy;

        if (!filters || !label || !(labels = engine_json_array(filters, "label")) ||
                        engine_json_append(labels, label) < 0)
                return NULL;
        if (of_events && filter_events(filters) < 0)
                return NULL;
        text = json_text(filters);
        escaped = text ? curl_easy_escape(NULL, text, 0) : NULL;
        copy = escaped ? strdup(escaped) : NULL;
        curl_free(escaped);
        return copy;
}

/* Containers carry a list of names with slashes before them; those of links have two. */
static const char *name_of(ResourceKind kind, struct json_object *o)
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

static int add_item(ListTask *l, ResourceKind kind, struct json_object *o)
{
        Resource item = { .kind = kind, .name = name_of(kind, o), .instance_id = "" };
        struct json_object *labels = json_get(o, "Labels");
        const char *state = "";

        if (!item.name || !engine_client_owns(l->task.client, labels))
                return 0;
        (void) json_get_string(labels, ARK_LABEL_INSTANCE, &item.instance_id);
        (void) json_get_string(o, "State", &state);
        item.running = kind == RESOURCE_CONTAINER && streq(state, "running");
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

int engine_list(EngineClient *c, uint64_t timeout_usec, ResourcesDone done, void *userdata,
                Pending **ret_pending)
{
        EngineTask *t;
        ListTask *l;
        int r;

        r = engine_task_new(&list_class, c, NULL, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        l = container_of(t, ListTask, task);
        l->on_items = done;
        l->filters = engine_filters(c, false);
        return engine_task_start(t, l->filters ? 0 : -ENOMEM, ret_pending);
}
