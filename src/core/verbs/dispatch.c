/* SPDX-License-Identifier: MIT */
#include "core/verbs/dispatch.h"

#include "basic/json-util.h"
#include "core/registry/context.h"
#include "core/verbs/hold.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"

static bool argument_has_type(const Argument *argument, struct json_object *value)
{
        switch (argument->type) {
        case ARGUMENT_STRING:
                return json_object_is_type(value, json_type_string) &&
                       strlen(json_object_get_string(value)) == (size_t) json_object_get_string_len(value);
        case ARGUMENT_U32:
        case ARGUMENT_U64:
                return json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0 &&
                       (argument->type == ARGUMENT_U64 || json_object_get_int64(value) <= UINT32_MAX);
        case ARGUMENT_BOOL:
                return json_object_is_type(value, json_type_boolean);
        case ARGUMENT_OBJECT:
                return json_object_is_type(value, json_type_object);
        }
        return false;
}

static const char *argument_type_name(ArgumentType type)
{
        static const char *const names[] = {
                [ARGUMENT_STRING] = "a string",
                [ARGUMENT_U32] = "a whole number from 0 to 4294967295",
                [ARGUMENT_U64] = "a whole number that is not negative",
                [ARGUMENT_BOOL] = "true or false",
                [ARGUMENT_OBJECT] = "an object",
        };

        return names[type];
}

static bool request_check_argument(Request *request, const Argument *argument)
{
        size_t max = argument_max_bytes(argument);
        struct json_object *value;

        if (!json_object_object_get_ex(request->arguments, argument->name, &value)) {
                if (!argument->required)
                        return true;
                request_fail(request, FAULT_INVALID_ARGUMENT, argument->name, "%s is missing",
                                argument->name);
                return false;
        }
        if (!argument_has_type(argument, value)) {
                request_fail(request, FAULT_INVALID_ARGUMENT, argument->name, "%s must be %s",
                                argument->name, argument_type_name(argument->type));
                return false;
        }
        if (argument->type == ARGUMENT_STRING && (size_t) json_object_get_string_len(value) > max) {
                request_fail(request, FAULT_INVALID_ARGUMENT, argument->name, "%s is longer than %zu bytes",
                                argument->name, max);
                return false;
        }
        return true;
}

static bool request_check_arguments(Request *request)
{
        json_object_object_foreach (request->arguments, name, value) {
                (void) value;
                if (action_find_argument(request->action, name))
                        continue;
                request_fail(request, FAULT_INVALID_ARGUMENT, name, "%s is not known here", name);
                return false;
        }
        for (const Argument *a = request->action->arguments; a && a->name; a++)
                if (!request_check_argument(request, a))
                        return false;
        return true;
}

void request_dispatch(Request *request)
{
        if (!request->action->without_store && hold_request(request, request_dispatch))
                return;
        if (!manager_is_loaded(request->manager) && !request->action->without_store) {
                request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                                "The store (Redis) has not been read yet. Try again in a moment; if it "
                                "lasts, see “systemctl status arkd-redis”.");
                return;
        }
        if (!request_check_arguments(request))
                return;
        request->dispatched = true;
        request->action->run(request);
}
