/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "basic/macro.h"

static inline void json_putp(struct json_object **o)
{
        if (*o)
                json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_putp)

/* Nesting that is accepted from outside. */
#define JSON_DEPTH_MAX 16

/*
 * Parses one strict JSON document of n bytes (RFC 8259): valid UTF-8, nothing after it. Of a key that an object has twice
 * the last one counts. -EINVAL malformed (ret_reason, optional, then has a static sentence), -ENOMEM.
 */
int json_parse(const char *text, size_t n, struct json_object **ret, const char **ret_reason);

/*
 * The same for what people write: ret_reason says line and column, and is the caller's to free. A key that an object has
 * twice is refused, with its path; a byte order mark at the beginning is passed over.
 */
int json_parse_written(const char *text, size_t n, struct json_object **ret, char **ret_reason);

/* The member's value, or NULL where it is absent or null. The object keeps it. */
struct json_object *json_get(struct json_object *object, const char *name);

/* Typed members: 0, -ENOENT where absent or null, -EINVAL where of another type, -ERANGE.
 * Strings stay the object's; one with an embedded NUL is -EINVAL. */
int json_get_string(struct json_object *object, const char *name, const char **ret);
int json_get_u64(struct json_object *object, const char *name, uint64_t *ret);
int json_get_bool(struct json_object *object, const char *name, bool *ret);
int json_get_double(struct json_object *object, const char *name, double *ret);

/* Setters; a NULL string sets null. 0 or -ENOMEM, also for a NULL object: one that there was no memory for. json_set and
 * json_append take value over, also on failure (NULL: -ENOMEM); json_share adds a reference to it (NULL sets null). */
int json_set(struct json_object *object, const char *name, struct json_object *value);
int json_share(struct json_object *object, const char *name, struct json_object *value);
int json_append(struct json_object *array, struct json_object *value);
int json_set_string(struct json_object *object, const char *name, const char *value);
int json_set_u64(struct json_object *object, const char *name, uint64_t value);
/* The same; null for UINT64_MAX. */
int json_set_known(struct json_object *object, const char *name, uint64_t value);
int json_set_bool(struct json_object *object, const char *name, bool value);
int json_set_double(struct json_object *object, const char *name, double value);
/* Sets an RFC 3339 timestamp; null for UINT64_MAX. */
int json_set_timestamp(struct json_object *object, const char *name, uint64_t usec);

/* The text in its shortest form, owned by the object (json_object_to_json_string_ext). */
const char *json_text(struct json_object *object);
