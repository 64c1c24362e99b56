/* SPDX-License-Identifier: MIT */
#include "bus/decode.h"

#include <errno.h>

#include "basic/json-util.h"
#include "bus/words.h"
#include "core/verbs/verb.h"

static char argument_signature(ArgumentType type)
{
        switch (type) {
        case ARGUMENT_U32:
                return SD_BUS_TYPE_UINT32;
        case ARGUMENT_U64:
                return SD_BUS_TYPE_UINT64;
        case ARGUMENT_BOOL:
                return SD_BUS_TYPE_BOOLEAN;
        case ARGUMENT_STRING:
        case ARGUMENT_OBJECT:
                break;
        }
        return SD_BUS_TYPE_STRING;
}

/* Leaves ret alone for a document that is not to be parsed. */
static int decode_text(const Argument *argument, const char *name, const char *text, bool documents,
                struct json_object **ret, sd_bus_error *error)
{
        _cleanup_free_ char *reason = NULL;
        struct json_object *json = NULL;
        size_t n = strlen(text), max = BUS_DOCUMENT_MAX;
        int r;

        if (argument->type != ARGUMENT_OBJECT)
                max = argument_max_bytes(argument);
        if (n > max)
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT, "%s is longer than %zu bytes", name, max);
        if (argument->type == ARGUMENT_OBJECT && !documents)
                return 0;
        if (argument->type == ARGUMENT_OBJECT) {
                r = json_parse_written(text, n, &json, &reason);
                if (r == -EINVAL)
                        return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT,
                                        "%s is not valid JSON: %s", name, reason);
                /* JSON's null. */
                if (r >= 0 && !json)
                        return sd_bus_error_setf(
                                        error, BUS_ERROR_INVALID_ARGUMENT, "%s must be a JSON object", name);
                if (r >= 0)
                        *ret = json;
                return r;
        }
        *ret = json_object_new_string_len(text, (int) n);
        return *ret ? 0 : -ENOMEM;
}

/* Reads one value, which the caller knows to be there and of the type. name is what the caller knows it by. */
static int decode_value(sd_bus_message *message, const Argument *argument, const char *name, bool documents,
                struct json_object *arguments, sd_bus_error *error)
{
        union {
                const char *text;
                uint32_t small;
                uint64_t number;
                int boolean;
        } value;
        struct json_object *json = NULL;
        int r;

        r = sd_bus_message_read_basic(message, argument_signature(argument->type), &value);
        if (r < 0)
                return r;
        switch (argument->type) {
        case ARGUMENT_U32:
                json = json_object_new_int64(value.small);
                break;
        case ARGUMENT_U64:
                json = json_object_new_uint64(value.number);
                break;
        case ARGUMENT_BOOL:
                json = json_object_new_boolean(value.boolean);
                break;
        case ARGUMENT_STRING:
        case ARGUMENT_OBJECT:
                r = decode_text(argument, name, value.text, documents, &json, error);
                if (r < 0 || !json)
                        return r;
                break;
        }
        return json_set(arguments, argument->name, json);
}

static const BusOption *find_option(const BusMethod *method, const char *key)
{
        for (size_t i = 0; i < BUS_OPTIONS_MAX && method->options[i].key; i++)
                if (streq(method->options[i].key, key))
                        return &method->options[i];
        return NULL;
}

/* One entry of the a{sv}, entered already. */
static int decode_option(const BusMethod *method, const Action *action, sd_bus_message *message,
                struct json_object *arguments, sd_bus_error *error)
{
        const BusOption *option;
        const Argument *argument;
        const char *key, *contents;
        char expected[2] = "";
        int r;

        r = sd_bus_message_read(message, "s", &key);
        if (r < 0)
                return r;
        option = find_option(method, key);
        argument = option ? action_find_argument(action, option->argument) : NULL;
        if (!argument)
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "%s is not known here",
                                strlen(key) <= BUS_OPTION_NAME_MAX ? key
                                                                   : "An option with a very long name");
        if (json_get(arguments, argument->name))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "%s is given twice", key);
        r = sd_bus_message_peek_type(message, NULL, &contents);
        if (r < 0)
                return r;
        expected[0] = argument_signature(argument->type);
        if (!streq(contents, expected))
                return sd_bus_error_setf(
                                error, BUS_ERROR_INVALID_ARGUMENT, "%s must be of type %s", key, expected);
        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_VARIANT, contents);
        if (r >= 0)
                r = decode_value(message, argument, key, true, arguments, error);
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int decode_options(const BusMethod *method, const Action *action, sd_bus_message *message,
                struct json_object *arguments, sd_bus_error *error)
{
        int r;

        r = sd_bus_message_enter_container(message, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = decode_option(method, action, message, arguments, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* The object's id is the last part of its path, as it is. */
static int decode_path(const BusMethod *method, sd_bus_message *message, struct json_object *arguments)
{
        const char *path = sd_bus_message_get_path(message);

        return json_set_string(arguments, method->path_argument, strrchr(path, '/') + 1);
}

int bus_decode(const BusMethod *method, const Action *action, sd_bus_message *message, bool documents,
                struct json_object **ret_arguments, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *arguments = json_object_new_object();
        int r = 0;

        if (!arguments)
                return -ENOMEM;
        if (method->path_argument)
                r = decode_path(method, message, arguments);
        for (size_t i = 0; r >= 0 && i < BUS_ARGUMENTS_MAX && method->arguments[i]; i++) {
                const Argument *argument = action_find_argument(action, method->arguments[i]);

                r = argument ? decode_value(message, argument, argument->name, documents, arguments, error)
                             : -ENXIO;
        }
        if (r >= 0 && method->has_options)
                r = decode_options(method, action, message, arguments, error);
        if (r < 0)
                return r;
        *ret_arguments = TAKE_PTR(arguments);
        return 0;
}
