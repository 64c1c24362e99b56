/* SPDX-License-Identifier: MIT */
#include "engine/filters.h"

#include <curl/curl.h>
#include <errno.h>

#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "engine/json.h"

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

char *engine_escape(const char *text)
{
        char *escaped = text ? curl_easy_escape(NULL, text, 0) : NULL;
        char *copy = escaped ? strdup(escaped) : NULL;

        curl_free(escaped);
        return copy;
}

static int append_label(struct json_object *labels, const char *name, const char *value, size_t n)
{
        _cleanup_free_ char *label = str_printf("%s=%.*s", name, (int) n, value);

        return label ? engine_json_append(labels, label) : -ENOMEM;
}

char *engine_filters(const EngineClient *c, bool of_events)
{
        _cleanup_json_ struct json_object *filters = json_object_new_object();
        struct json_object *labels = filters ? engine_json_array(filters, "label") : NULL;

        if (!labels || append_label(labels, ARK_LABEL_DEPLOYMENT, c->deployment, strlen(c->deployment)) < 0)
                return NULL;
        if (of_events && filter_events(filters) < 0)
                return NULL;
        return engine_escape(json_text(filters));
}

char *engine_container_filters(const EngineClient *c, const char *name, const char *role)
{
        _cleanup_json_ struct json_object *filters = json_object_new_object();
        struct json_object *labels = filters ? engine_json_array(filters, "label") : NULL;

        if (!labels ||
                        append_label(labels, ARK_LABEL_DEPLOYMENT, c->deployment, strlen(c->deployment)) <
                                        0 ||
                        append_label(labels, ARK_LABEL_INSTANCE, name, INSTANCE_ID_LENGTH) < 0 ||
                        (role && append_label(labels, ARK_LABEL_ROLE, role, strlen(role)) < 0))
                return NULL;
        return engine_escape(json_text(filters));
}
