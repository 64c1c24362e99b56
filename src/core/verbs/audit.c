/* SPDX-License-Identifier: MIT */
#include "core/verbs/audit.h"

#include "basic/json-util.h"
#include "basic/messages.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"

void audit_subject(const Action *action, struct json_object *arguments, AuditSubject *ret)
{
        AuditSubject subject = { 0 };
        const char *id = NULL;

        if (json_get_string(arguments, "id", &id) < 0)
                (void) json_get_string(json_get(arguments, "product"), "id", &id);
        (void) json_get_string(arguments, "product_id", &subject.product);
        if (id && endswith(action->name, "Product"))
                subject.product = id;
        else
                subject.instance = id;
        subject.instance_is_valid = subject.instance && instance_id_is_valid(subject.instance);
        subject.product_is_valid = subject.product && product_id_is_valid(subject.product);
        *ret = subject;
}

void audit_subject_to_context(const AuditSubject *subject, LogContext *context)
{
        context->instance = subject->instance_is_valid ? subject->instance : NULL;
        context->product = subject->product_is_valid ? subject->product : NULL;
}

/* What the call is about, as far as it is known: from what was asked for and from the answer. */
static void audit_add_subject(const Request *request, LogContext *context)
{
        AuditSubject subject;
        const char *id;

        audit_subject(request->action, request->arguments, &subject);
        audit_subject_to_context(&subject, context);
        if (!json_object_is_type(request->result, json_type_object))
                return;
        if (json_get_string(request->result, "id", &id) >= 0 && instance_id_is_valid(id))
                context->instance = id;
        (void) json_get_string(request->result, "product_id", &context->product);
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
        const char *subject, *space, *who = strempty(context.caller), *where = context.origin;

        if (!request->action->audited || level > log_get_max_level())
                return;
        audit_add_subject(request, &context);
        subject = context.instance ? context.instance : strempty(context.product);
        space = *subject ? " " : "";
        context.message_id = !request->finished             ? MESSAGE_VERB_ABANDONED
                             : request->fault != FAULT_NONE ? MESSAGE_VERB_FAILED
                                                            : MESSAGE_VERB_DONE;
        if (!where)
                where = "unknown";
        if (!request->finished)
                log_full(level, 0, &context, "%s (%s) called %s%s%s and did not wait for its end", who,
                                where, context.action, space, subject);
        else if (request->fault != FAULT_NONE)
                log_full(level, 0, &context, "%s (%s) called %s%s%s, which failed: %s", who, where,
                                context.action, space, subject, strempty(request->reason));
        else
                log_full(level, 0, &context, "%s (%s) called %s%s%s", who, where, context.action, space,
                                subject);
}
