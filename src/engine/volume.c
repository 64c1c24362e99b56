/* SPDX-License-Identifier: MIT */
#include "engine/volume.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "engine/json.h"

/* ---- Create ------------------------------------------------------------------------------------------------ */

/* Creating what exists answers with that, unchanged: its labels tell whose it is. */
static void on_created(EngineTask *t, const EngineReply *reply)
{
        if (reply->error == -EBUSY)
                engine_task_fail(
                                t, -EEXIST, "exists already with another driver; remove or rename it", NULL);
        else if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be created", reply->message);
        else if (engine_task_found_ours(t, reply))
                engine_task_end(t, 0, NULL);
}

static int begin_create(EngineTask *t)
{
        return engine_task_request(t, "POST", t->wanted, on_created, "/volumes/create");
}

static const EngineTaskClass create_class = {
        .size = sizeof(EngineTask),
        .about = "volume",
        .begin = begin_create,
};

static int volume_body(const VolumeSpec *spec, struct json_object **ret)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();

        if (!body || json_set_string(body, "Name", spec->name) < 0 ||
                        json_set_string(body, "Driver", "local") < 0 ||
                        engine_json_pairs(body, "Labels", spec->labels) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(body);
        return 0;
}

int engine_volume_create(EngineClient *c, const VolumeSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&create_class, c, spec->name, timeout_usec, done, userdata, &t);
        return r < 0 ? r : engine_task_start(t, volume_body(spec, &t->wanted), ret_pending);
}

/* ---- Remove ------------------------------------------------------------------------------------------------ */

static void on_deleted(EngineTask *t, const EngineReply *reply)
{
        if (reply->error >= 0 || reply->error == -ENOENT)
                engine_task_end(t, 0, NULL);
        else if (reply->error != -EBUSY || engine_task_pause(t, engine_task_again) < 0)
                engine_task_fail(t, reply->error, "could not be removed", reply->message);
}

static void on_inspected(EngineTask *t, const EngineReply *reply)
{
        if (engine_task_found_ours(t, reply))
                engine_task_check(t,
                                engine_task_request(t, "DELETE", NULL, on_deleted, "/volumes/%s", t->name));
}

static int begin_remove(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_inspected, "/volumes/%s", t->name);
}

static const EngineTaskClass remove_class = {
        .size = sizeof(EngineTask),
        .about = "volume",
        .begin = begin_remove,
};

int engine_volume_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&remove_class, c, name, timeout_usec, done, userdata, &t);
        return r < 0 ? r : engine_task_start(t, 0, ret_pending);
}

/* ---- Find, and remove what has no labels -------------------------------------------------------------------- */

static void on_sought(EngineTask *t, const EngineReply *reply)
{
        if (reply->error == -ENOENT)
                engine_task_fail(t, reply->error, "is gone", NULL);
        else if (reply->error < 0)
                engine_task_fail(t, reply->error, "could not be inspected", reply->message);
        else
                engine_task_end(t, 0, NULL);
}

static int begin_find(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_sought, "/volumes/%s", t->name);
}

static const EngineTaskClass find_class = {
        .size = sizeof(EngineTask),
        .about = "volume",
        .begin = begin_find,
};

int engine_volume_find(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        r = engine_task_new(&find_class, c, name, timeout_usec, done, userdata, &t);
        return r < 0 ? r : engine_task_start(t, 0, ret_pending);
}

static int begin_remove_anonymous(EngineTask *t)
{
        return engine_task_request(t, "DELETE", NULL, on_deleted, "/volumes/%s", t->name);
}

static const EngineTaskClass anonymous_class = {
        .size = sizeof(EngineTask),
        .about = "volume",
        .begin = begin_remove_anonymous,
};

int engine_volume_remove_anonymous(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        EngineTask *t;
        int r;

        if (!volume_is_anonymous(name))
                return -EINVAL;
        r = engine_task_new(&anonymous_class, c, name, timeout_usec, done, userdata, &t);
        return r < 0 ? r : engine_task_start(t, 0, ret_pending);
}
