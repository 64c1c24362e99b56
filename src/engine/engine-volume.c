/* SPDX-License-Identifier: MIT */
#include "engine/engine-volume.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/engine-json.h"
#include "engine/engine-reference.h"

typedef struct VolumeTask {
        EngineTask task;
        char *name;
        struct json_object *body; /* of creating */
} VolumeTask;

static void volume_release(EngineTask *t)
{
        VolumeTask *v = container_of(t, VolumeTask, task);

        free(v->name);
        json_object_put(v->body);
        free(v);
}

static const EngineTaskClass volume_class = { .release = volume_release };

static int volume_task_new(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, VolumeTask **ret)
{
        _cleanup_(engine_task_freep) EngineTask *t = NULL;
        VolumeTask *v;
        int r;

        if (!engine_name_is_valid(name))
                return -EINVAL;
        v = new0(VolumeTask, 1);
        if (!v)
                return -ENOMEM;
        t = &v->task;
        t->class = &volume_class;
        r = engine_task_init(t, c, timeout_usec, done, userdata, "volume %s", name);
        if (r < 0 || (r = free_and_strdup(&v->name, name)) < 0)
                return r;
        t = NULL;
        *ret = v;
        return 0;
}

/* Creating what exists answers with that, unchanged: its labels tell whose it is. */
static void on_created(EngineTask *t, const EngineReply *reply)
{
        VolumeTask *v = container_of(t, VolumeTask, task);
        struct json_object *labels = json_get(reply->json, "Labels");

        if (reply->error < 0 && reply->error != -EBUSY)
                engine_task_fail(t, reply->error, "could not be created", reply->message);
        else if (reply->error == -EBUSY || !engine_client_owns(t->client, labels) ||
                        !engine_json_same_string(labels, json_get(v->body, "Labels"), ARK_LABEL_INSTANCE))
                engine_task_fail(t, -EEXIST,
                                "exists already and is not this deployment's; remove or rename it", NULL);
        else
                engine_task_end(t, 0, NULL);
}

int engine_volume_create(EngineClient *c, const VolumeSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        _cleanup_(engine_task_freep) EngineTask *t = NULL;
        VolumeTask *v;
        int r;

        r = volume_task_new(c, spec->name, timeout_usec, done, userdata, &v);
        if (r < 0)
                return r;
        t = &v->task;
        v->body = json_object_new_object();
        if (!v->body || json_set_string(v->body, "Name", spec->name) < 0 ||
                        json_set_string(v->body, "Driver", "local") < 0 ||
                        engine_json_pairs(v->body, "Labels", spec->labels) < 0)
                return -ENOMEM;
        r = engine_task_request(t, "POST", v->body, on_created, "/volumes/create");
        if (r < 0)
                return r;
        *ret_pending = &TAKE_PTR(t)->pending;
        return 0;
}

static void delete (EngineTask *t);

static void on_deleted(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0 || reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (reply->error != -EBUSY || engine_task_pause(t, delete) < 0)
                engine_task_fail(t, reply->error, "could not be removed", reply->message);
}

static void delete (EngineTask *t)
{
        VolumeTask *v = container_of(t, VolumeTask, task);

        engine_task_check(t, engine_task_request(t, "DELETE", NULL, on_deleted, "/volumes/%s", v->name));
}

static void on_inspected(EngineTask *t, const EngineReply *reply)
{
        if (reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
        else if (!engine_task_owns(t, reply))
                engine_task_fail(t, -EEXIST, "is not this deployment's and was left alone", NULL);
        else
                delete (t);
}

int engine_volume_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        VolumeTask *v;
        int r;

        r = volume_task_new(c, name, timeout_usec, done, userdata, &v);
        if (r < 0)
                return r;
        r = engine_task_request(&v->task, "GET", NULL, on_inspected, "/volumes/%s", name);
        if (r < 0) {
                (void) engine_task_free(&v->task);
                return r;
        }
        *ret_pending = &v->task.pending;
        return 0;
}
