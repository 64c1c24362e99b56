/* SPDX-License-Identifier: MIT */
#include "bus/method.h"

#include <errno.h>

#include "bus/encode.h"
#include "bus/words.h"

/* Each method of design, by the action that it is. What is checked, and how it is done, is the action's. */
const BusMethod bus_methods[] = {
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "CreateInstance",
                        .action = "CreateInstance",
                        .arguments = { "product_id", "client_name" },
                        .has_options = true,
                        .options = { { "idempotency_key", "idempotency_key" } },
                        .encode = bus_encode_created,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "GetInstance",
                        .action = "GetInstance",
                        .arguments = { "id" },
                        .encode = bus_encode_instance_path,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "ListInstances",
                        .action = "ListInstances",
                        .has_options = true,
                        .options = { { "status", "status" }, { "product", "product_id" } },
                        .encode = bus_encode_instances,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "DeleteInstance",
                        .action = "DeleteInstance",
                        .arguments = { "id" },
                        .encode = bus_encode_nothing,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "AdoptInstance",
                        .action = "AdoptInstance",
                        .arguments = { "id" },
                        .encode = bus_encode_nothing,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "SetProduct",
                        .action = "SetProduct",
                        .arguments = { "product" },
                        .encode = bus_encode_product_path,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "GetProduct",
                        .action = "GetWholeProduct",
                        .arguments = { "id" },
                        .encode = bus_encode_product,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "DeleteProduct",
                        .action = "DeleteProduct",
                        .arguments = { "id" },
                        .encode = bus_encode_nothing,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "ListProducts",
                        .action = "ListProducts",
                        .encode = bus_encode_products,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "GetCredentials",
                        .action = "GetCredentials",
                        .arguments = { "id" },
                        .encode = bus_encode_credentials,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "GetCompose",
                        .action = "GetCompose",
                        .arguments = { "id" },
                        .encode = bus_encode_compose,
        },
        {
                        .interface = BUS_MANAGER_INTERFACE,
                        .member = "Cleanup",
                        .action = "Cleanup",
                        .arguments = { "max_age_usec", "dry_run" },
                        .encode = bus_encode_cleanup,
        },
        {
                        .interface = BUS_INSTANCE_INTERFACE,
                        .member = "Restart",
                        .action = "RestartInstance",
                        .path_argument = "id",
                        .encode = bus_encode_nothing,
        },
        {
                        .interface = BUS_INSTANCE_INTERFACE,
                        .member = "RestartWithOptions",
                        .action = "RestartInstance",
                        .path_argument = "id",
                        .has_options = true,
                        .options = { { "discard_files", "discard_files" } },
                        .encode = bus_encode_note,
        },
        {
                        .interface = BUS_INSTANCE_INTERFACE,
                        .member = "SetExpiry",
                        .action = "SetExpiry",
                        .path_argument = "id",
                        .arguments = { "expires_usec" },
                        .encode = bus_encode_nothing,
        },
        {
                        .interface = BUS_INSTANCE_INTERFACE,
                        .member = "GetLogs",
                        .action = "GetLogs",
                        .path_argument = "id",
                        .arguments = { "cursor", "lines" },
                        .encode = bus_encode_logs,
        },
        {
                        .interface = BUS_INSTANCE_INTERFACE,
                        .member = "GetUsage",
                        .action = "GetUsage",
                        .path_argument = "id",
                        .encode = bus_encode_usage,
        },
        {
                        .interface = BUS_INSTANCE_INTERFACE,
                        .member = "Delete",
                        .action = "DeleteInstance",
                        .path_argument = "id",
                        .encode = bus_encode_nothing,
        },
};
const size_t n_bus_methods = ELEMENTSOF(bus_methods);

const BusMethod *bus_method_find(sd_bus_message *message)
{
        const char *interface = sd_bus_message_get_interface(message);
        const char *member = sd_bus_message_get_member(message);

        for (size_t i = 0; i < n_bus_methods; i++)
                if (streq(bus_methods[i].member, member) &&
                                (!interface || streq(bus_methods[i].interface, interface)))
                        return &bus_methods[i];
        return NULL;
}
