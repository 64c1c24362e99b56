/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"
#include "glue/mhd-glue.h"

/* Adds the headers that every answer has. type is its content type, NULL for none. */
void reply_add_common(struct MHD_Response **response, const char *type);

/* A response with the headers that every answer has. text is copied, NULL for none; type is its content type. NULL
 * when out of memory, which mhd_exchange_reply() accepts. */
struct MHD_Response *reply_new(const char *text, const char *type);

/* Adds a header where *response and value are there. When out of memory *response is NULL afterwards: no answer is better
 * than one that lacks what it depends on. */
void reply_add_header(struct MHD_Response **response, const char *name, const char *value);

/* Answers with a JSON document; body may be NULL for {}, location NULL for none. */
void reply_json(MhdExchange *exchange, unsigned status, struct json_object *body, const char *location);

/* An answer that says what went wrong (RFC 9457). */
typedef struct Problem {
        unsigned status;
        const char *reason; /* a sentence: what happened and what to do next */
        const char *field; /* the argument, parameter or header at fault, or NULL */
        unsigned retry_after_s; /* 0: a default for 503, none for others */
        const char *allow; /* with 405 */
} Problem;
void reply_problem(MhdExchange *exchange, const Problem *problem);

/* Answers for a request that has failed. */
void reply_fault(MhdExchange *exchange, const Request *request);
