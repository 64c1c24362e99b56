/* SPDX-License-Identifier: MIT */
#include "basic/json-util.h"

#include <errno.h>
#include <json-c/json_visit.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "basic/time-util.h"
#include "basic/utf8.h"

static void json_tokener_freep(struct json_tokener **t)
{
        if (*t)
                json_tokener_free(*t);
}

/* json-c takes NaN and Infinity, which RFC 8259 does not know. */
static int refuse_non_finite(struct json_object *object, int flags, struct json_object *parent,
                const char *key, size_t *index, void *userdata)
{
        return json_object_is_type(object, json_type_double) && !isfinite(json_object_get_double(object))
                               ? JSON_C_VISIT_RETURN_ERROR
                               : JSON_C_VISIT_RETURN_CONTINUE;
}

static const char *parse_ascii(
                const char *text, size_t n, struct json_tokener *tokener, struct json_object **ret)
{
        _cleanup_json_ struct json_object *object = json_tokener_parse_ex(tokener, text, (int) n);
        size_t end = json_tokener_get_parse_end(tokener);

        if (json_tokener_get_error(tokener) == json_tokener_continue) {
                /* A bare number, true, false or null ends only at what follows it. */
                object = json_tokener_parse_ex(tokener, "", 1);
                end = n;
        }
        if (json_tokener_get_error(tokener) == json_tokener_continue)
                return "it ends too early";
        if (json_tokener_get_error(tokener) != json_tokener_success)
                return json_tokener_error_desc(json_tokener_get_error(tokener));
        if (end < n && strspn(text + end, " \t\r\n") < n - end)
                return "something follows it";
        if (json_c_visit(object, 0, refuse_non_finite, NULL) < 0)
                return "NaN and Infinity are not JSON";
        *ret = TAKE_PTR(object);
        return NULL;
}

int json_parse(const char *text, size_t n, struct json_object **ret, const char **ret_reason)
{
        _cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        _cleanup_free_ char *ascii = NULL;
        const char *reason;

        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        if (n == 0)
                reason = "it is empty";
        else if (n > INT_MAX / 3)
                reason = "it is too long";
        else if (!utf8_is_valid(text, n))
                reason = "it is not valid UTF-8";
        else {
                /* json-c 0.18, when strict, refuses all that is not ASCII. */
                ascii = utf8_to_json_escapes(text, n, &n);
                if (!ascii)
                        return -ENOMEM;
                reason = parse_ascii(ascii, n, tokener, ret);
        }
        if (reason && ret_reason)
                *ret_reason = reason;
        return reason ? -EINVAL : 0;
}

struct json_object *json_get(struct json_object *object, const char *name)
{
        struct json_object *value = NULL;

        if (json_object_is_type(object, json_type_object))
                (void) json_object_object_get_ex(object, name, &value);
        return value;
}

static int json_get_typed(
                struct json_object *object, const char *name, json_type type, struct json_object **ret)
{
        struct json_object *value = json_get(object, name);

        if (!value)
                return -ENOENT;
        if (!json_object_is_type(value, type))
                return -EINVAL;
        *ret = value;
        return 0;
}

int json_get_string(struct json_object *object, const char *name, const char **ret)
{
        struct json_object *value;
        int r;

        r = json_get_typed(object, name, json_type_string, &value);
        if (r < 0)
                return r;
        if (strlen(json_object_get_string(value)) != (size_t) json_object_get_string_len(value))
                return -EINVAL;
        *ret = json_object_get_string(value);
        return 0;
}

int json_get_u64(struct json_object *object, const char *name, uint64_t *ret)
{
        struct json_object *value;
        int r;

        r = json_get_typed(object, name, json_type_int, &value);
        if (r < 0)
                return r;
        if (json_object_get_int64(value) < 0)
                return -ERANGE;
        *ret = json_object_get_uint64(value);
        return 0;
}

int json_get_bool(struct json_object *object, const char *name, bool *ret)
{
        struct json_object *value;
        int r;

        r = json_get_typed(object, name, json_type_boolean, &value);
        if (r < 0)
                return r;
        *ret = json_object_get_boolean(value);
        return 0;
}

int json_get_double(struct json_object *object, const char *name, double *ret)
{
        struct json_object *value = json_get(object, name);

        if (!value)
                return -ENOENT;
        if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
                return -EINVAL;
        *ret = json_object_get_double(value);
        return 0;
}

int json_set(struct json_object *object, const char *name, struct json_object *value)
{
        if (!object || !value || json_object_object_add(object, name, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_share(struct json_object *object, const char *name, struct json_object *value)
{
        if (value)
                return json_set(object, name, json_object_get(value));
        return !object || json_object_object_add(object, name, NULL) < 0 ? -ENOMEM : 0;
}

int json_append(struct json_object *array, struct json_object *value)
{
        if (!array || !value || json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_set_string(struct json_object *object, const char *name, const char *value)
{
        if (!value)
                return json_share(object, name, NULL);
        return json_set(object, name, json_object_new_string(value));
}

int json_set_u64(struct json_object *object, const char *name, uint64_t value)
{
        return json_set(object, name, json_object_new_uint64(value));
}

int json_set_bool(struct json_object *object, const char *name, bool value)
{
        return json_set(object, name, json_object_new_boolean(value));
}

int json_set_double(struct json_object *object, const char *name, double value)
{
        char text[32];

        (void) snprintf(text, sizeof text, "%.4g", value);
        return json_set(object, name, json_object_new_double_s(value, text));
}

int json_set_timestamp(struct json_object *object, const char *name, uint64_t usec)
{
        char buffer[TIMESTAMP_MAX];

        return json_set_string(object, name, usec == UINT64_MAX ? NULL : format_timestamp(usec, buffer));
}

const char *json_text(struct json_object *object)
{
        return json_object_to_json_string_ext(
                        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}
