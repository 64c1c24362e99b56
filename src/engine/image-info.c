/* SPDX-License-Identifier: MIT */
#include "engine/image-info.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/parse.h"
#include "basic/string-util.h"
#include "engine/reference.h"

typedef struct InfoTask {
        EngineTask task;
        ImageInfoDone on_info;
} InfoTask;

static void info_end(EngineTask *t, int error, const char *reason)
{
        container_of(t, InfoTask, task)->on_info(error, reason, NULL, t->userdata);
}

/* "8080/tcp" is a key. */
static void add_ports(struct json_object *exposed, ImageInfo *info)
{
        if (!json_object_is_type(exposed, json_type_object))
                return;
        json_object_object_foreach (exposed, name, unused) {
                const char *end = endswith(name, "/tcp");
                _cleanup_free_ char *number = strndup(name, end ? (size_t) (end - name) : strlen(name));
                unsigned port;

                (void) unused;
                if (number && parse_unsigned(number, &port) >= 0 && port > 0 && port <= UINT16_MAX &&
                                info->n_ports < ELEMENTSOF(info->ports))
                        info->ports[info->n_ports++] = (uint16_t) port;
        }
}

/* Strings in it are the reply's. */
static ImageInfo info_of(struct json_object *config)
{
        struct json_object *volumes = json_get(config, "Volumes");
        ImageInfo info = { .stop_signal = NULL };

        add_ports(json_get(config, "ExposedPorts"), &info);
        if (json_get_string(config, "StopSignal", &info.stop_signal) >= 0 && !*info.stop_signal)
                info.stop_signal = NULL;
        if (!json_object_is_type(volumes, json_type_object))
                return info;
        json_object_object_foreach (volumes, path, unused) {
                (void) unused;
                if (*path == '/' && info.n_volumes < ELEMENTSOF(info.volumes))
                        info.volumes[info.n_volumes++] = path;
        }
        return info;
}

static void on_inspected(EngineTask *t, const EngineReply *reply)
{
        ImageInfo info;

        if (reply->error < 0 || !json_object_is_type(reply->json, json_type_object)) {
                engine_task_fail(t, reply->error < 0 ? reply->error : -EPROTO, "could not be inspected",
                                reply->message);
                return;
        }
        info = info_of(json_get(reply->json, "Config"));
        container_of(t, InfoTask, task)->on_info(0, NULL, &info, t->userdata);
        (void) engine_task_free(t);
}

static int begin_info(EngineTask *t)
{
        return engine_task_request(t, "GET", NULL, on_inspected, "/images/%s/json", t->name);
}

static const EngineTaskClass info_class = {
        .size = ENGINE_TASK_SIZE(InfoTask),
        .about = "image",
        .any_name = true,
        .begin = begin_info,
        .end = info_end,
};

int engine_image_info(EngineClient *c, const char *image, uint64_t timeout_usec, ImageInfoDone done,
                void *userdata, Pending **ret_pending)
{
        EngineReference reference = { 0 };
        EngineTask *t;
        int r;

        r = engine_reference_parse(image, &reference); /* all of it is safe in a path then */
        engine_reference_done(&reference);
        if (r < 0)
                return r;
        r = engine_task_new(&info_class, c, image, timeout_usec, NULL, userdata, &t);
        if (r < 0)
                return r;
        container_of(t, InfoTask, task)->on_info = done;
        return engine_task_start(t, 0, ret_pending);
}
