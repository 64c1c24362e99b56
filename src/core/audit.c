/* SPDX-License-Identifier: MIT */
#include "core/audit.h"

#include "basic/json-util.h"
#include "basic/messages.h"
#include "core/action.h"
#include "core/instance.h"

/* What the call is about, as far as it is known: from the answer, else from what was asked for. */
static void audit_subject(const Request *request, LogContext *context)
{
        const char *id = NULL, *product = NULL;

        if (json_object_is_type(request->result, json_type_object)) {
                (void) json_get_string(request->result, "id", &id);
                (void) json_get_string(request->result, "product_id", &product);
        }
        if (!id && json_get_string(request->arguments, "id", &id) < 0)
                (void) json_get_string(json_get(request->arguments, "product"), "id", &id);
        if (!product)
                (void) json_get_string(request->arguments, "product_id", &product);
        if (id && instance_id_is_valid(id))
                context->instance = id;
        else if (id && endswith(request->action->name, "Product"))
                product = id;
        context->product = product;
}

void audit_request(const Request *request)
{
        /* What anybody may try is not told, or anybody could fill the journal. */
        int level = request->fault == FAULT_NONE || request->caller.role == ROLE_OPERATOR ? LOG_NOTICE
                                                                                          : LOG_DEBUG;
        LogContext context = {
                .caller = request->caller.identity,
                .origin = request->caller.origin,
                .action = request->action->name,
        };
        const char *subject, *who = strempty(context.caller), *where = context.origin;

        if (!request->action->audited || level > log_get_max_level())
                return;
        audit_subject(request, &context);
        subject = context.instance ? context.instance : context.product ? context.product : "";
        context.message_id = !request->finished             ? MESSAGE_VERB_ABANDONED
                             : request->fault != FAULT_NONE ? MESSAGE_VERB_FAILED
                                                            : MESSAGE_VERB_DONE;
        if (!where)
                where = "unknown";
        if (!request->finished)
                log_full(level, 0, &context, "%s (%s) called %s %s and did not wait for its end", who, where,
                                context.action, subject);
        else if (request->fault != FAULT_NONE)
                log_full(level, 0, &context, "%s (%s) called %s %s, which failed: %s", who, where,
                                context.action, subject, strempty(request->reason));
        else
                log_full(level, 0, &context, "%s (%s) called %s %s", who, where, context.action, subject);
}
