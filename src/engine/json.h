/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "basic/string-util.h"

/* Building and comparing the engine's JSON. What is made belongs to its parent; NULL when out of memory. */

/* A new empty object or array as a member. */
struct json_object *engine_json_object(struct json_object *parent, const char *name);
struct json_object *engine_json_array(struct json_object *parent, const char *name);
/* A new empty object at the end of an array. */
struct json_object *engine_json_element(struct json_object *array);
/* Appends a string. 0 or -ENOMEM. */
int engine_json_append(struct json_object *array, const char *value);
/* An object of strings; pairs may be NULL for an empty one. 0 or -ENOMEM. */
int engine_json_pairs(struct json_object *parent, const char *name, const StringPairs *pairs);
/* An array of strings; the list is NULL-terminated or NULL. 0 or -ENOMEM. */
int engine_json_strings(struct json_object *parent, const char *name, const char *const *list);

/* Whether a member is the same string in both, or in neither. */
bool engine_json_same_string(struct json_object *a, struct json_object *b, const char *name);
/* And all of several. */
bool engine_json_same_strings(struct json_object *a, struct json_object *b, const char *const *names);

/* A member that is a time, as State.StartedAt. One that is missing, or the year 1, which stands for never, leaves it. */
void engine_json_time(struct json_object *o, const char *name, uint64_t *ret_usec);
