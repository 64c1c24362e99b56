/* SPDX-License-Identifier: MIT */
#include "basic/json-util.h"

#include <errno.h>
#include <json-c/json_visit.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "basic/json-keys.h"
#include "basic/string-util.h"
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

/* Why a text is not JSON, and after how many of its bytes that shows; SIZE_MAX: of all of it. */
typedef struct JsonFault {
        const char *reason;
        size_t offset;
} JsonFault;

static int refuse(JsonFault *fault, const char *reason, size_t offset)
{
        *fault = (JsonFault){ reason, offset };
        return -EINVAL;
}

static int parse_ascii(const char *text, size_t n, struct json_object **ret, JsonFault *ret_fault)
{
        _cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        _cleanup_json_ struct json_object *object = NULL;
        size_t end;

        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        object = json_tokener_parse_ex(tokener, text, (int) n);
        end = json_tokener_get_parse_end(tokener);
        if (json_tokener_get_error(tokener) == json_tokener_continue) {
                /* A bare number, true, false or null ends only at what follows it. */
                object = json_tokener_parse_ex(tokener, "", 1);
                end = n;
        }
        if (json_tokener_get_error(tokener) == json_tokener_continue ||
                        json_tokener_get_error(tokener) == json_tokener_error_parse_eof)
                return refuse(ret_fault, "it ends too early", n);
        if (json_tokener_get_error(tokener) != json_tokener_success)
                return refuse(ret_fault, json_tokener_error_desc(json_tokener_get_error(tokener)), end);
        end += strspn(text + end, " \t\r\n");
        if (end < n)
                return refuse(ret_fault, "something follows it", end);
        if (json_c_visit(object, 0, refuse_non_finite, NULL) < 0)
                return refuse(ret_fault, "NaN and Infinity are not JSON", SIZE_MAX);
        *ret = TAKE_PTR(object);
        return 0;
}

/* json-c 0.18, when strict, refuses all that is not ASCII: it is given escapes instead. */
static int to_ascii(const char *text, size_t n, char **ret, size_t *ret_n, JsonFault *ret_fault)
{
        if (n == 0)
                return refuse(ret_fault, "it is empty", SIZE_MAX);
        if (n > INT_MAX / 3)
                return refuse(ret_fault, "it is too long", SIZE_MAX);
        if (!utf8_is_valid(text, n))
                return refuse(ret_fault, "it is not valid UTF-8", SIZE_MAX);
        *ret = utf8_to_json_escapes(text, n, ret_n);
        return *ret ? 0 : -ENOMEM;
}

int json_parse(const char *text, size_t n, struct json_object **ret, const char **ret_reason)
{
        _cleanup_free_ char *ascii = NULL;
        JsonFault fault = { 0 };
        size_t length = 0;
        int r;

        r = to_ascii(text, n, &ascii, &length, &fault);
        if (r >= 0)
                r = parse_ascii(ascii, length, ret, &fault);
        if (r == -EINVAL && ret_reason)
                *ret_reason = fault.reason;
        return r;
}

/* Where in the text, in characters, the escapes made of it have come to offset. */
static char *describe_place(const char *text, size_t n, size_t offset, const char *reason)
{
        unsigned line = 1, column = 1;
        size_t escaped = 0;

        for (size_t i = 0; i < n && escaped < offset; i++) {
                const unsigned char c = (unsigned char) text[i];

                if ((c & 0xc0) == 0x80)
                        continue;
                escaped += c < 0x80 ? 1 : c < 0xf0 ? strlen("\\uXXXX") : strlen("\\uXXXX\\uXXXX");
                column = c == '\n' ? 1 : column + 1;
                line += c == '\n';
        }
        return str_printf("line %u, column %u: %s", line, column, reason);
}

int json_parse_written(const char *text, size_t n, struct json_object **ret, char **ret_reason)
{
        _cleanup_json_ struct json_object *object = NULL;
        _cleanup_free_ char *ascii = NULL, *repeated = NULL;
        JsonFault fault = { 0 };
        size_t length = 0, valid;
        char *reason;
        int r;

        if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
                text += 3;
                n -= 3;
        }
        r = to_ascii(text, n, &ascii, &length, &fault);
        if (r >= 0)
                r = parse_ascii(ascii, length, &object, &fault);
        if (r >= 0)
                r = json_check_keys(ascii, &repeated, &fault.offset);
        if (r >= 0)
                *ret = TAKE_PTR(object);
        if (r != -EINVAL)
                return r;
        valid = utf8_valid_length(text, n);
        reason = fault.offset == SIZE_MAX && valid == n
                                 ? strdup(fault.reason)
                                 : describe_place(text, valid, fault.offset, repeated ?: fault.reason);
        if (!reason)
                return -ENOMEM;
        *ret_reason = reason;
        return -EINVAL;
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

int json_set_known(struct json_object *object, const char *name, uint64_t value)
{
        return value == UINT64_MAX ? json_set_string(object, name, NULL) : json_set_u64(object, name, value);
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
