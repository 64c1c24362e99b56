/* SPDX-License-Identifier: MIT */
#include "engine/json.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"

static struct json_object *add(struct json_object *parent, const char *name, struct json_object *value)
{
        return json_set(parent, name, value) < 0 ? NULL : value;
}

struct json_object *engine_json_object(struct json_object *parent, const char *name)
{
        return add(parent, name, json_object_new_object());
}

struct json_object *engine_json_array(struct json_object *parent, const char *name)
{
        return add(parent, name, json_object_new_array());
}

struct json_object *engine_json_element(struct json_object *array)
{
        struct json_object *element = json_object_new_object();

        return json_append(array, element) < 0 ? NULL : element;
}

int engine_json_append(struct json_object *array, const char *value)
{
        return json_append(array, json_object_new_string(value));
}

int engine_json_pairs(struct json_object *parent, const char *name, const StringPairs *pairs)
{
        struct json_object *object = engine_json_object(parent, name);

        if (!object)
                return -ENOMEM;
        for (size_t i = 0; pairs && i < pairs->n; i++)
                if (json_set_string(object, pairs->items[i].key, pairs->items[i].value) < 0)
                        return -ENOMEM;
        return 0;
}

int engine_json_strings(struct json_object *parent, const char *name, const char *const *list)
{
        struct json_object *array = engine_json_array(parent, name);

        if (!array)
                return -ENOMEM;
        for (; list && *list; list++)
                if (engine_json_append(array, *list) < 0)
                        return -ENOMEM;
        return 0;
}

bool engine_json_same_string(struct json_object *a, struct json_object *b, const char *name)
{
        const char *x = NULL, *y = NULL;

        (void) json_get_string(a, name, &x);
        (void) json_get_string(b, name, &y);
        return streq_ptr(x, y);
}

bool engine_json_same_strings(struct json_object *a, struct json_object *b, const char *const *names)
{
        for (; *names; names++)
                if (!engine_json_same_string(a, b, *names))
                        return false;
        return true;
}

void engine_json_time(struct json_object *o, const char *name, uint64_t *ret_usec)
{
        const char *text;
        uint64_t usec;

        if (json_get_string(o, name, &text) >= 0 && parse_timestamp(text, &usec) >= 0)
                *ret_usec = usec;
}
