/* SPDX-License-Identifier: MIT */
#include "engine/sizes.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/list.h"

typedef struct SizesTask {
        EngineTask task;
        SizesDone on_sizes;
} SizesTask;

static void sizes_end(EngineTask *t, int error, const char *reason)
{
        container_of(t, SizesTask, task)->on_sizes(error, reason, NULL, 0, t->userdata);
}

/* A layer that nothing was written to has no number; of a volume that cannot be measured it is -1. */
static uint64_t size_of(ResourceKind kind, struct json_object *o)
{
        struct json_object *usage = kind == RESOURCE_VOLUME ? json_get(o, "UsageData") : o;
        uint64_t bytes = kind == RESOURCE_VOLUME ? USAGE_UNKNOWN : 0;

        (void) json_get_u64(usage, kind == RESOURCE_VOLUME ? "Size" : "SizeRw", &bytes);
        return bytes;
}

/* Anonymous volumes have no labels: whose they are, core knows. */
static bool is_wanted(const EngineClient *c, ResourceKind kind, const char *name, struct json_object *o)
{
        return name && (engine_client_owns(c, json_get(o, "Labels")) ||
                                       (kind == RESOURCE_VOLUME && volume_is_anonymous(name)));
}

static size_t length_of(struct json_object *list)
{
        return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

int engine_sizes_read(const EngineClient *c, struct json_object *answer, ResourceSize **ret, size_t *ret_n)
{
        static const struct {
                ResourceKind kind;
                const char *name;
        } lists[] = { { RESOURCE_CONTAINER, "Containers" }, { RESOURCE_VOLUME, "Volumes" } };
        _cleanup_free_ ResourceSize *sizes = NULL;
        size_t n = 0, most;

        if (!json_object_is_type(answer, json_type_object))
                return -EPROTO;
        most = length_of(json_get(answer, lists[0].name)) + length_of(json_get(answer, lists[1].name));
        sizes = new0(ResourceSize, most);
        if (!sizes)
                return -ENOMEM;
        for (size_t k = 0; k < ELEMENTSOF(lists); k++) {
                struct json_object *list = json_get(answer, lists[k].name);

                for (size_t i = 0; i < length_of(list); i++) {
                        struct json_object *o = json_object_array_get_idx(list, i);
                        const char *name = engine_list_name(lists[k].kind, o);

                        if (is_wanted(c, lists[k].kind, name, o))
                                sizes[n++] = (ResourceSize){ lists[k].kind, name,
                                        size_of(lists[k].kind, o) };
                }
        }
        *ret = TAKE_PTR(sizes);
        *ret_n = n;
        return 0;
}

static void on_sizes(EngineTask *t, const EngineReply *reply)
{
        _cleanup_free_ ResourceSize *sizes = NULL;
        size_t n = 0;
        int r = reply->error;

        if (r >= 0)
                r = engine_sizes_read(t->client, reply->json, &sizes, &n);
        if (r < 0) {
                engine_task_fail(t, r, "could not be measured",
                                reply->error < 0 ? reply->message : strerror(-r));
                return;
        }
        container_of(t, SizesTask, task)->on_sizes(0, NULL, sizes, n, t->userdata);
        (void) engine_task_free(t);
}

/* Engines before API 1.42 tell of images and the build cache, too. */
static int sizes_begin(EngineTask *t)
{
        t->reply_max = ENGINE_LIST_MAX;
        return engine_task_request(t, "GET", NULL, on_sizes, "/system/df?type=container&type=volume");
}

static const EngineTaskClass sizes_class = {
        .size = ENGINE_TASK_SIZE(SizesTask),
        .about = "what containers and volumes take up",
        .any_name = true,
        .begin = sizes_begin,
        .end = sizes_end,
};

int engine_measure_sizes(EngineClient *c, uint64_t timeout_usec, SizesDone done, void *userdata,
                Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&sizes_class, c, NULL, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        container_of(t, SizesTask, task)->on_sizes = done;
        return engine_task_start(t, 0, ret_pending);
}
