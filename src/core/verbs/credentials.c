/* SPDX-License-Identifier: MIT */
#include "core/verbs/credentials.h"

#include <errno.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/registry/state.h"
#include "core/spec/archive.h"
#include "core/spec/compose-file.h"
#include "core/spec/spec.h"
#include "core/verbs/common.h"
#include "core/verbs/request.h"

#define COMPOSE_MAX (256 * 1024)

/* One that was taken back from its compose file has the digest alone. */
static bool token_is_right(const Instance *instance, const char *token)
{
        char digest[ACCESS_TOKEN_DIGEST_MAX];

        if (instance->access_token)
                return str_equal_secret(token, instance->access_token);
        return instance->access_token_sha256 && access_token_digest(token, digest) >= 0 &&
               str_equal_secret(digest, instance->access_token_sha256);
}

static bool may_see_access(Request *request, const Instance *instance)
{
        const char *token = "";

        if (request->caller.role == ROLE_OPERATOR)
                return true;
        (void) json_get_string(request->arguments, "access_token", &token);
        if (token_is_right(instance, token))
                return true;
        request_fail(request, FAULT_UNAUTHENTICATED, "access_token",
                        "This needs the access token that was given to whoever deployed the instance");
        return false;
}

void run_get_access(Request *request)
{
        Instance *instance = action_find_instance(request);

        if (!instance || !may_see_access(request, instance))
                return;
        if (instance->status != INSTANCE_RUNNING) {
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s is %s; it has credentials once it runs", instance->id,
                                instance_status_text(instance));
                return;
        }
        answer_member(request, "credentials",
                        instance->credentials ? json_object_get(instance->credentials)
                                              : json_object_new_array());
}

void run_get_credentials(Request *request)
{
        Instance *instance = action_find_instance(request);
        _cleanup_(str_erase_freep) char *url = NULL;
        _cleanup_json_ struct json_object *json = NULL;
        InstanceNames names;
        int r;

        if (!instance)
                return;
        if (!instance->has_database || !instance->database_password) {
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s has no database credentials (it is %s)", instance->id,
                                instance_status_text(instance));
                return;
        }
        instance_names(instance, &names);
        url = instance_database_url(instance);
        json = json_object_new_object();
        r = url && json ? json_set_string(json, "host", names.database) : -ENOMEM;
        if (r >= 0)
                r = json_set_string(json, "port", ARK_DATABASE_PORT_TEXT);
        if (r >= 0)
                r = json_set_string(json, "database", names.database);
        if (r >= 0)
                r = json_set_string(json, "user", ARK_DATABASE_USER);
        if (r >= 0)
                r = json_set_string(json, "password", instance->database_password);
        if (r >= 0)
                r = json_set_string(json, "url", url);
        if (r < 0)
                request_fail_errno(request, r, "The credentials cannot be shown");
        else
                request_succeed(request, TAKE_PTR(json));
}

void run_get_compose(Request *request)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_(str_erase_freep) char *text = NULL;
        Instance *instance = action_find_instance(request);
        int r;

        if (!instance)
                return;
        path = compose_path(request->manager->compose_dir, instance->id);
        r = path ? read_file(path, COMPOSE_MAX, &text, NULL) : -ENOMEM;
        if (r == -ENOENT)
                request_fail(request, FAULT_CONFLICT, "id", "Instance %s has no compose file (it is %s)",
                                instance->id, instance_status_text(instance));
        else if (r < 0)
                request_fail_errno(request, r, "The compose file cannot be read");
        else
                answer_member(request, "compose", json_object_new_string(text));
}
