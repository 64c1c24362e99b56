/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/log.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"

/*
 * The audit trail: one line in the journal for each call of a verb that changes something or gives secrets away, with
 * who called (ARK_CALLER), from where (ARK_ORIGIN), what (ARK_ACTION) and on which instance or product. Called when
 * the request ends, or dies before its end.
 */
void audit_request(const Request *request);

/* What a call is about, as far as its arguments tell. NULL: nothing of the kind. What was given need not be an id. */
typedef struct AuditSubject {
        const char *instance, *product;
        bool instance_is_valid, product_is_valid;
} AuditSubject;

/* The subject of a call of action; it points into arguments. */
void audit_subject(const Action *action, struct json_object *arguments, AuditSubject *ret);

/* Those that are ids, for a line of the journal. */
void audit_subject_to_context(const AuditSubject *subject, LogContext *context);
