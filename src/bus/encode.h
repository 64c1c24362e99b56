/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "bus/objects.h"

/*
 * How the results of actions are written. Each appends result to the reply and leaves result to the caller. 0; -EBADMSG
 * where the result is not what its action gives; what sd-bus answers; or error is filled in, and that is answered.
 */
int bus_encode_nothing(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_created(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_instance_path(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_product_path(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_product(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_instances(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_products(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_credentials(
                BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_logs(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_cleanup(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_usage(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_compose(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
int bus_encode_note(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
