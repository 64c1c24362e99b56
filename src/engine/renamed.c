/* SPDX-License-Identifier: MIT */
#include "engine/renamed.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "engine/filters.h"
#include "engine/reference.h"

/* What its label says of the container that has this name; NULL where it is no instance's. */
static const char *role_of_name(const char *name)
{
        if (!startswith(name, INSTANCE_ID_PREFIX) || strlen(name) < INSTANCE_ID_LENGTH)
                return NULL;
        name += INSTANCE_ID_LENGTH;
        return *name == '\0' ? ARK_ROLE_APP : *name == '_' ? name + 1 : NULL;
}

/* An engine says 404 of a network that is missing, too. */
static bool is_no_container(const EngineReply *reply)
{
        return reply->status == 404 && strcasestr(reply->message, "no such container");
}

static void tell_missed(EngineTask *t)
{
        t->missed(t, &(EngineReply){ .error = -ENOENT, .status = 404, .message = "No such container" });
}

static void on_renamed(EngineTask *t, const EngineReply *reply)
{
        if (reply->error < 0)
                engine_task_fail(t, reply->error, "was renamed, and could not be given its name again",
                                reply->message);
        else
                engine_task_again(t);
}

/* The id of the first, or NULL. */
static const char *first_id(const EngineTask *t, struct json_object *list)
{
        struct json_object *first = json_object_is_type(list, json_type_array)
                                                    ? json_object_array_get_idx(list, 0)
                                                    : NULL;
        const char *id;

        if (!engine_client_owns(t->client, json_get(first, "Labels")) ||
                        json_get_string(first, "Id", &id) < 0 || !engine_name_is_valid(id))
                return NULL;
        return id;
}

static void on_found(EngineTask *t, const EngineReply *reply)
{
        const char *id = reply->error < 0 ? NULL : first_id(t, reply->json);
        int r;

        if (!id) {
                tell_missed(t);
                return;
        }
        if (t->class->renames) {
                engine_task_check(t, engine_task_request(t, "POST", NULL, on_renamed,
                                                     "/containers/%s/rename?name=%s", id, t->name));
                return;
        }
        r = free_and_strdup(&t->name, id);
        if (r < 0)
                engine_task_check(t, r);
        else
                engine_task_again(t);
}

bool engine_task_search(EngineTask *t, const EngineReply *reply)
{
        _cleanup_free_ char *filters = NULL;
        const char *role = t->name ? role_of_name(t->name) : NULL;

        if (t->searched || !role || !is_no_container(reply))
                return false;
        t->searched = true;
        t->missed = t->step;
        filters = engine_container_filters(t->client, t->name, role);
        if (!filters)
                engine_task_check(t, -ENOMEM);
        else
                engine_task_check(t, engine_task_request(t, "GET", NULL, on_found,
                                                     "/containers/json?all=1&filters=%s", filters));
        return true;
}
