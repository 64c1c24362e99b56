/* SPDX-License-Identifier: MIT */
#include "bus/bus-internal.h"
#include "config.h"

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", ARK_VERSION);
}

#define MANAGER_METHOD(member, in, in_names, out, out_names)                                                \
        SD_BUS_METHOD_WITH_NAMES(member, in, in_names, out, out_names, bus_method_handler,                  \
                        SD_BUS_VTABLE_UNPRIVILEGED)

/* Unprivileged says that sd-bus leaves the decision to us: its own check would wait for the bus. */
static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("InstanceCount", "u", NULL, offsetof(BusApi, instance_count),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("EngineConnected", "b", NULL, offsetof(BusApi, engine_connected),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StoreConnected", "b", NULL, offsetof(BusApi, store_connected),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        MANAGER_METHOD("CreateInstance", "ssa{sv}",
                        SD_BUS_PARAM(product_id) SD_BUS_PARAM(client_name) SD_BUS_PARAM(options), "so",
                        SD_BUS_PARAM(id) SD_BUS_PARAM(path)),
        MANAGER_METHOD("GetInstance", "s", SD_BUS_PARAM(id), "o", SD_BUS_PARAM(path)),
        MANAGER_METHOD("ListInstances", "a{sv}", SD_BUS_PARAM(filter), "a(ssssto)", SD_BUS_PARAM(instances)),
        MANAGER_METHOD("DeleteInstance", "s", SD_BUS_PARAM(id), "", ),
        MANAGER_METHOD("SetProduct", "s", SD_BUS_PARAM(json), "o", SD_BUS_PARAM(path)),
        MANAGER_METHOD("GetProduct", "s", SD_BUS_PARAM(id), "s", SD_BUS_PARAM(json)),
        MANAGER_METHOD("DeleteProduct", "s", SD_BUS_PARAM(id), "", ),
        MANAGER_METHOD("ListProducts", "", , "a(sso)", SD_BUS_PARAM(products)),
        MANAGER_METHOD("GetCredentials", "s", SD_BUS_PARAM(id), "a{ss}", SD_BUS_PARAM(credentials)),
        MANAGER_METHOD("GetCompose", "s", SD_BUS_PARAM(id), "s", SD_BUS_PARAM(compose)),
        MANAGER_METHOD("Cleanup", "tb", SD_BUS_PARAM(max_age_usec) SD_BUS_PARAM(dry_run), "asa(ss)",
                        SD_BUS_PARAM(removed) SD_BUS_PARAM(failed)),
        SD_BUS_VTABLE_END,
};

int bus_manager_register(BusApi *api)
{
        int r;

        api->instance_count = manager_count_instances(api->manager);
        api->engine_connected = manager_engine_connected(api->manager);
        api->store_connected = manager_store_connected(api->manager);
        r = bus_api_add_vtable(api, BUS_PATH, BUS_MANAGER_INTERFACE, manager_vtable);
        return r < 0 ? r : sd_bus_add_object_manager(api->bus, bus_api_next_slot(api), BUS_PATH);
}

void bus_manager_update(BusApi *api)
{
        unsigned count = manager_count_instances(api->manager);
        int engine = manager_engine_connected(api->manager);
        int store = manager_store_connected(api->manager);
        const char *changed[4] = { NULL };
        size_t n = 0;

        if (count != api->instance_count)
                changed[n++] = "InstanceCount";
        if (engine != api->engine_connected)
                changed[n++] = "EngineConnected";
        if (store != api->store_connected)
                changed[n++] = "StoreConnected";
        if (n == 0)
                return;
        api->instance_count = count;
        api->engine_connected = engine;
        api->store_connected = store;
        bus_api_log_signal(sd_bus_emit_properties_changed_strv(
                                           api->bus, BUS_PATH, BUS_MANAGER_INTERFACE, (char **) changed),
                        BUS_PATH);
}
