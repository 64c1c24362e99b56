/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/verb.h"
#include "glue/mhd-glue.h"
#include "http/router.h"

/*
 * From an HTTP request to an action's arguments. Only what is particular to HTTP is checked here: where an argument
 * came from, and the text of those that are no JSON. Types, lengths and what is missing are request_dispatch()'s.
 */

/* What could not be decoded, for a 400. */
typedef struct DecodeError {
        char *field; /* may be NULL */
        char *reason;
} DecodeError;

void decode_error_done(DecodeError *error);

/* All arguments: path, query, headers and body. with_authorization: an argument may come from the Authorization
 * header (not where that has been used up as the caller's own). -EINVAL with ret_error, or -ENOMEM. */
int decode_arguments(const Action *action, const RouteMatch *match, MhdExchange *exchange,
                bool with_authorization, struct json_object **ret, DecodeError *ret_error);

/* One argument of the query string, n bytes without escapes, added to arguments. Errors as above. */
int decode_query_value(const Action *action, const char *name, const char *value, size_t n,
                struct json_object *arguments, DecodeError *ret_error);

/* The members of a JSON body, or the whole of it, added to arguments. Errors as above. */
int decode_body(const Action *action, const char *text, size_t n, struct json_object *arguments,
                DecodeError *ret_error);
