/* SPDX-License-Identifier: MIT */
#include "core/verbs/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "basic/json-util.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/verbs/audit.h"
#include "core/verbs/verb.h"

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

void request_let_go(Request *request)
{
        if (!request->held)
                return;
        request->held = false;
        TAILQ_REMOVE(&request->manager->held, request, held_list);
}

Request *request_free(Request *request)
{
        if (!request)
                return NULL;
        if (request->dispatched && !request->finished)
                audit_request(request);
        request_let_go(request);
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
        case FAULT_NOT_ISOLATED:
        case FAULT_QUEUE_FULL:
        case FAULT_HOST_FULL:
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
