/* SPDX-License-Identifier: MIT */
#include "bus/encode.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "bus/objects.h"
#include "bus/words.h"

int bus_encode_nothing(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        return 0;
}

/* A string that the action always gives. */
static int result_string(struct json_object *result, const char *name, const char **ret)
{
        return json_get_string(result, name, ret) < 0 ? -EBADMSG : 0;
}

int bus_encode_created(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        _cleanup_free_ char *path = NULL;
        const char *id;
        int r;

        r = result_string(result, "id", &id);
        if (r >= 0)
                r = bus_instance_path(id, &path);
        return r < 0 ? r : sd_bus_message_append(reply, "so", id, path);
}

int bus_encode_instance_path(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        _cleanup_free_ char *path = NULL;
        const char *id;
        int r;

        r = result_string(result, "id", &id);
        if (r < 0)
                return r;
        /* Of a deleted one there still is the record, but no object. */
        if (!bus_api_has_instance(api, id))
                return sd_bus_error_setf(error, BUS_ERROR_NO_SUCH_INSTANCE, "%s has been deleted", id);
        r = bus_instance_path(id, &path);
        return r < 0 ? r : sd_bus_message_append(reply, "o", path);
}

int bus_encode_product_path(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        _cleanup_free_ char *path = NULL;
        const char *id;
        int r;

        r = result_string(result, "id", &id);
        if (r >= 0)
                r = bus_product_path(id, &path);
        return r < 0 ? r : sd_bus_message_append(reply, "o", path);
}

int bus_encode_product(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        const char *text = json_text(result);

        return text ? sd_bus_message_append(reply, "s", text) : -ENOMEM;
}

static int encode_instance(struct json_object *item, sd_bus_message *reply)
{
        _cleanup_free_ char *path = NULL;
        const char *id, *product, *client, *status, *created;
        uint64_t created_usec;
        int r;

        r = result_string(item, "id", &id);
        if (r >= 0)
                r = result_string(item, "product_id", &product);
        if (r >= 0)
                r = result_string(item, "client_name", &client);
        if (r >= 0)
                r = result_string(item, "status", &status);
        if (r >= 0)
                r = result_string(item, "created_at", &created);
        if (r >= 0)
                r = parse_timestamp(created, &created_usec);
        if (r >= 0)
                r = bus_instance_path(id, &path);
        return r < 0 ? r
                     : sd_bus_message_append(
                                       reply, "(ssssto)", id, product, client, status, created_usec, path);
}

static int encode_product(struct json_object *item, sd_bus_message *reply)
{
        _cleanup_free_ char *path = NULL;
        const char *id;
        int r;

        r = result_string(item, "id", &id);
        if (r >= 0)
                r = bus_product_path(id, &path);
        return r < 0 ? r : sd_bus_message_append(reply, "(sso)", id, bus_text(json_get(item, "name")), path);
}

/* The items of a list, one by one. */
static int encode_items(struct json_object *result, sd_bus_message *reply, const char *contents,
                int (*encode)(struct json_object *item, sd_bus_message *reply))
{
        struct json_object *items = json_get(result, "items");
        int r;

        if (!json_object_is_type(items, json_type_array))
                return -EBADMSG;
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, contents);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(items); i++)
                r = encode(json_object_array_get_idx(items, i), reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_encode_instances(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        return encode_items(result, reply, "(ssssto)", encode_instance);
}

int bus_encode_products(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        return encode_items(result, reply, "(sso)", encode_product);
}

int bus_encode_credentials(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        int r;

        if (!json_object_is_type(result, json_type_object))
                return -EBADMSG;
        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "{ss}");
        if (r < 0)
                return r;
        json_object_object_foreach (result, key, value) {
                /* Numbers, such as the port, in their decimal form. */
                if (value)
                        r = sd_bus_message_append(reply, "{ss}", key, json_object_get_string(value));
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

int bus_encode_compose(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        const char *text;
        int r;

        r = result_string(result, "compose", &text);
        return r < 0 ? r : sd_bus_message_append(reply, "s", text);
}

int bus_encode_note(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        const char *text = "";

        (void) json_get_string(result, "note", &text);
        return sd_bus_message_append(reply, "s", text);
}

/* A list of strings, as "as". */
static int append_strings(struct json_object *list, sd_bus_message *reply)
{
        size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
        int r;

        r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "s");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(
                                reply, "s", json_object_get_string(json_object_array_get_idx(list, i)));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_encode_logs(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        const char *cursor;
        int r;

        r = result_string(result, "cursor", &cursor);
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", cursor);
        return r < 0 ? r : append_strings(json_get(result, "lines"), reply);
}

int bus_encode_cleanup(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        struct json_object *failed = json_get(result, "failed");
        size_t n = json_object_is_type(failed, json_type_array) ? json_object_array_length(failed) : 0;
        int r;

        r = append_strings(json_get(result, "removed"), reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, SD_BUS_TYPE_ARRAY, "(ss)");
        for (size_t i = 0; r >= 0 && i < n; i++) {
                struct json_object *pair = json_object_array_get_idx(failed, i);

                r = sd_bus_message_append(reply, "(ss)",
                                json_object_get_string(json_object_array_get_idx(pair, 0)),
                                json_object_get_string(json_object_array_get_idx(pair, 1)));
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* A number, or a time in microseconds; UINT64_MAX where there is none. */
static uint64_t result_number(struct json_object *item, const char *name)
{
        uint64_t value = UINT64_MAX;
        const char *text;

        if (json_get_u64(item, name, &value) < 0 && json_get_string(item, name, &text) >= 0)
                (void) parse_timestamp(text, &value);
        return value;
}

static int encode_usage(struct json_object *item, sd_bus_message *reply)
{
        const char *role, *container;
        int r;

        r = result_string(item, "role", &role);
        if (r >= 0)
                r = result_string(item, "container", &container);
        return r < 0 ? r
                     : sd_bus_message_append(reply, "(ssttttttt)", role, container,
                                       result_number(item, "started_at"), result_number(item, "read_at"),
                                       result_number(item, "memory"), result_number(item, "memory_limit"),
                                       result_number(item, "cpu_nsec"), result_number(item, "pids"),
                                       result_number(item, "pids_limit"));
}

int bus_encode_usage(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error)
{
        return encode_items(result, reply, "(ssttttttt)", encode_usage);
}
