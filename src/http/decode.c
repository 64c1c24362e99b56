/* SPDX-License-Identifier: MIT */
#include "http/decode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "auth/auth.h"
#include "basic/json-util.h"
#include "basic/parse.h"
#include "basic/string-util.h"
#include "basic/utf8.h"
#include "core/verbs/verb.h"

void decode_error_done(DecodeError *error)
{
        error->field = mfree(error->field);
        error->reason = mfree(error->reason);
}

/* Answers -EINVAL, or -ENOMEM where not even that can be said. */
_printf_(3, 4) static int refuse(DecodeError *ret, const char *field, const char *format, ...)
{
        _cleanup_free_ char *name = NULL, *reason = NULL;
        va_list ap;
        int r;

        /* A stranger's text goes into a JSON document. */
        if (field) {
                name = utf8_make_valid(field, strnlen(field, 128));
                if (!name)
                        return -ENOMEM;
        }
        va_start(ap, format);
        r = vasprintf(&reason, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;
        ret->field = TAKE_PTR(name);
        ret->reason = TAKE_PTR(reason);
        return -EINVAL;
}

static const Argument *find_argument(const Action *action, ArgumentSource source, const char *name)
{
        for (const Argument *a = action->arguments; a && a->name; a++)
                if (a->source == source && (!name || streq(a->name, name)))
                        return a;
        return NULL;
}

/* ---- Query ------------------------------------------------------------------------------------------------- */

static int parse_value(const Argument *argument, const char *value, struct json_object **ret,
                DecodeError *ret_error)
{
        struct json_object *o = NULL;
        uint64_t number;

        switch (argument->type) {
        case ARGUMENT_STRING:
                o = json_object_new_string(value);
                break;
        case ARGUMENT_U32:
        case ARGUMENT_U64:
                if (value[strspn(value, "0123456789")] || parse_u64(value, &number) < 0)
                        return refuse(ret_error, argument->name,
                                        "%s must be a whole number that is not negative", argument->name);
                o = json_object_new_uint64(number);
                break;
        case ARGUMENT_BOOL:
                if (!streq(value, "true") && !streq(value, "false"))
                        return refuse(ret_error, argument->name, "%s must be true or false", argument->name);
                o = json_object_new_boolean(streq(value, "true"));
                break;
        case ARGUMENT_OBJECT:
                return refuse(ret_error, argument->name, "%s belongs into the body", argument->name);
        }
        if (!o)
                return -ENOMEM;
        *ret = o;
        return 0;
}

int decode_query_value(const Action *action, const char *name, const char *value, size_t n,
                struct json_object *arguments, DecodeError *ret_error)
{
        const Argument *argument = find_argument(action, ARGUMENT_QUERY, name);
        struct json_object *o = NULL;
        int r;

        if (!argument)
                return refuse(ret_error, name, "There is no such query parameter here");
        if (json_object_object_get_ex(arguments, name, NULL))
                return refuse(ret_error, name, "%s was given more than once", name);
        if (!utf8_is_valid(value, n))
                return refuse(ret_error, name, "%s is not valid UTF-8 text", name);
        r = parse_value(argument, value, &o, ret_error);
        return r < 0 ? r : json_set(arguments, name, o);
}

typedef struct QueryDecoding {
        const Action *action;
        struct json_object *arguments;
        DecodeError *error;
        int result;
} QueryDecoding;

static enum MHD_Result decode_on_query(void *userdata, enum MHD_ValueKind kind, const char *name,
                size_t n_name, const char *value, size_t n_value)
{
        QueryDecoding *q = userdata;

        if (!name || strlen(name) != n_name)
                q->result = refuse(q->error, name, "There is no such query parameter here");
        else
                q->result = decode_query_value(
                                q->action, name, strempty(value), n_value, q->arguments, q->error);
        return q->result < 0 ? MHD_NO : MHD_YES;
}

static int decode_query(const Action *action, MhdExchange *exchange, struct json_object *arguments,
                DecodeError *ret_error)
{
        QueryDecoding q = { action, arguments, ret_error, 0 };

        (void) MHD_get_connection_values_n(exchange->connection, MHD_GET_ARGUMENT_KIND, decode_on_query, &q);
        return q.result;
}

/* ---- Path and headers -------------------------------------------------------------------------------------- */

static int decode_path(const RouteMatch *match, struct json_object *arguments)
{
        for (size_t i = 0; i < match->n_parameters; i++) {
                const RouteParameter *p = &match->parameters[i];
                char name[32];
                int r;

                (void) snprintf(name, sizeof name, "%.*s", (int) p->n_name, p->name);
                r = json_set(arguments, name, json_object_new_string_len(p->value, (int) p->n_value));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int decode_header(const Argument *argument, MhdExchange *exchange, bool with_authorization,
                struct json_object *arguments, DecodeError *ret_error)
{
        bool is_authorization = strcasecmp(argument->header, MHD_HTTP_HEADER_AUTHORIZATION) == 0;
        const char *value;
        int r;

        if (is_authorization && !with_authorization)
                return 0;
        r = mhd_exchange_header(exchange, argument->header, &value);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return refuse(ret_error, argument->header, "The header %s was given more than once",
                                argument->header);
        if (!utf8_is_valid(value, strlen(value)))
                return refuse(ret_error, argument->header, "The header %s is not valid UTF-8 text",
                                argument->header);
        if (is_authorization)
                value = auth_bearer(value);
        return value ? json_set_string(arguments, argument->name, value) : 0;
}

static int decode_headers(const Action *action, MhdExchange *exchange, bool with_authorization,
                struct json_object *arguments, DecodeError *ret_error)
{
        for (const Argument *a = action->arguments; a && a->name; a++) {
                int r;

                if (a->source != ARGUMENT_HEADER)
                        continue;
                r = decode_header(a, exchange, with_authorization, arguments, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- Body -------------------------------------------------------------------------------------------------- */

int decode_body(const Action *action, const char *text, size_t n, struct json_object *arguments,
                DecodeError *ret_error)
{
        const Argument *whole = find_argument(action, ARGUMENT_WHOLE_BODY, NULL);
        _cleanup_json_ struct json_object *body = NULL;
        _cleanup_free_ char *reason = NULL;
        int r;

        r = json_parse_written(text, n, &body, &reason);
        if (r == -EINVAL)
                return refuse(ret_error, NULL, "The body is not JSON: %s", reason);
        if (r < 0)
                return r;
        if (!json_object_is_type(body, json_type_object))
                return refuse(ret_error, NULL, "The body must be a JSON object");
        if (whole)
                return json_set(arguments, whole->name, TAKE_PTR(body));
        json_object_object_foreach (body, name, value) {
                /* What has its place in the path or in a header is no member of the body. */
                if (!find_argument(action, ARGUMENT_BODY, name))
                        return refuse(ret_error, name, "There is no such field here");
                r = json_share(arguments, name, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int decode_arguments(const Action *action, const RouteMatch *match, MhdExchange *exchange,
                bool with_authorization, struct json_object **ret, DecodeError *ret_error)
{
        _cleanup_json_ struct json_object *arguments = json_object_new_object();
        int r;

        if (!arguments)
                return -ENOMEM;
        r = decode_path(match, arguments);
        if (r >= 0)
                r = decode_query(action, exchange, arguments, ret_error);
        if (r >= 0)
                r = decode_headers(action, exchange, with_authorization, arguments, ret_error);
        if (r >= 0 && exchange->n_body > 0)
                r = decode_body(action, exchange->body, exchange->n_body, arguments, ret_error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(arguments);
        return 0;
}
