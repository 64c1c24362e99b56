/* SPDX-License-Identifier: MIT */
#include "core/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "basic/json-util.h"
#include "core/action.h"
#include "core/audit.h"
#include "core/hold.h"
#include "core/manager.h"

#define ARGUMENT_BYTES_DEFAULT 256

void caller_done(Caller *caller)
{
        caller->identity = mfree(caller->identity);
        caller->origin = mfree(caller->origin);
        caller->role = ROLE_NONE;
}

static int request_on_complete(sd_event_source *source, void *userdata)
{
        Request *request = userdata;

        request->completion = sd_event_source_disable_unref(request->completion);
        request->done(request, request->userdata);
        return 0;
}

/* The completion comes from the loop, so that nobody is called back from within what they called. Made ahead: a request
 * that has begun ends, whether or not there is memory then. */
static int completion_new(Manager *manager, Request *request, sd_event_source **ret)
{
        _cleanup_(sd_event_source_disable_unrefp) sd_event_source *completion = NULL;
        int r;

        r = sd_event_add_defer(manager_get_event(manager), &completion, request_on_complete, request);
        if (r >= 0)
                r = sd_event_source_set_enabled(completion, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(completion);
        return 0;
}

Request *request_new(Manager *manager, const Action *action, Caller *caller, struct json_object *arguments,
                RequestDone done, void *userdata)
{
        Request *request = new0(Request, 1);
        sd_event_source *completion = NULL;

        if (request && !arguments)
                arguments = json_object_new_object();
        if (!request || !arguments || completion_new(manager, request, &completion) < 0) {
                caller_done(caller);
                json_object_put(arguments);
                free(request);
                return NULL;
        }
        *request = (Request){
                .manager = manager,
                .action = action,
                .caller = *caller,
                .arguments = arguments,
                .done = done,
                .userdata = userdata,
                .completion = completion,
        };
        *caller = (Caller){ 0 };
        return request;
}

/* What the action left behind: cancelled when the request dies, dropped when it has ended. */
static void request_forget_work(Request *request)
{
        request->pending = pending_cancel(request->pending);
        if (request->state_free && request->state)
                request->state_free(request->state);
        request->state = NULL;
        request->state_free = NULL;
}

Request *request_free(Request *request)
{
        if (!request)
                return NULL;
        if (request->dispatched && !request->finished)
                audit_request(request);
        hold_forget(request);
        request_forget_work(request);
        sd_event_source_disable_unref(request->completion);
        caller_done(&request->caller);
        json_object_put(request->arguments);
        json_object_put(request->result);
        free(request->field);
        free(request->reason);
        free(request);
        return NULL;
}

static void request_finish(Request *request)
{
        request->finished = true;
        audit_request(request);
        request_forget_work(request);
        (void) sd_event_source_set_enabled(request->completion, SD_EVENT_ONESHOT);
}

void request_succeed(Request *request, struct json_object *result)
{
        if (request->finished) {
                json_object_put(result);
                return;
        }
        request->fault = FAULT_NONE;
        request->result = result;
        request_finish(request);
}

static unsigned fault_retry_after(Fault fault)
{
        switch (fault) {
        case FAULT_QUOTA_EXCEEDED:
                return 60;
        case FAULT_ENGINE_UNAVAILABLE:
        case FAULT_STORE_UNAVAILABLE:
        case FAULT_QUEUE_FULL:
                return 5;
        default:
                return 0;
        }
}

void request_fail(Request *request, Fault fault, const char *field, const char *format, ...)
{
        va_list ap;

        if (request->finished)
                return;
        request->fault = fault;
        if (request->retry_after_s == 0)
                request->retry_after_s = fault_retry_after(fault);
        if (field)
                request->field = strdup(field);
        va_start(ap, format);
        if (vasprintf(&request->reason, format, ap) < 0)
                request->reason = NULL;
        va_end(ap);
        request_finish(request);
}

void request_fail_errno(Request *request, int error, const char *what)
{
        request_fail(request, FAULT_FAILED, NULL, "%s: %s", what, strerror(abs(error)));
}

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

size_t argument_max_bytes(const Argument *argument)
{
        return argument->max_bytes ? argument->max_bytes : ARGUMENT_BYTES_DEFAULT;
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

const Argument *action_find_argument(const Action *action, const char *name)
{
        for (const Argument *a = action->arguments; a && a->name; a++)
                if (streq(a->name, name))
                        return a;
        return NULL;
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
        if (!request->action->without_store && hold_request(request))
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
