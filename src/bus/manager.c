/* SPDX-License-Identifier: MIT */
#include "bus/bus-internal.h"
#include "config.h"

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", ARK_VERSION);
}

static int get_ownerless_volumes(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        BusApi *api = userdata;

        return sd_bus_message_append_strv(reply, (char **) manager_ownerless_volumes(api->manager));
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
        SD_BUS_PROPERTY("BaseURL", "s", NULL, offsetof(BusApi, base_url),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("OwnerlessVolumes", "as", get_ownerless_volumes, 0,
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

/* Names what has changed since the last signal, and remembers it. What there is no memory for is told the next time. */
static size_t bus_manager_compare(BusApi *api, const char *changed[6])
{
        char *const *ownerless = manager_ownerless_volumes(api->manager);
        const char *base_url = manager_base_url(api->manager);
        unsigned count = manager_count_instances(api->manager);
        int engine = manager_engine_connected(api->manager);
        int store = manager_store_connected(api->manager);
        size_t n = 0;

        if (count != api->instance_count)
                changed[n++] = "InstanceCount";
        if (engine != api->engine_connected)
                changed[n++] = "EngineConnected";
        if (store != api->store_connected)
                changed[n++] = "StoreConnected";
        if (!streq_ptr(base_url, api->base_url) && free_and_strdup(&api->base_url, base_url) >= 0)
                changed[n++] = "BaseURL";
        if (!strv_equal(ownerless, api->ownerless_volumes) &&
                        strv_copy(ownerless, &api->ownerless_volumes) >= 0)
                changed[n++] = "OwnerlessVolumes";
        api->instance_count = count;
        api->engine_connected = engine;
        api->store_connected = store;
        changed[n] = NULL;
        return n;
}

int bus_manager_register(BusApi *api)
{
        const char *changed[6];
        int r;

        (void) bus_manager_compare(api, changed);
        r = bus_api_add_vtable(api, BUS_PATH, BUS_MANAGER_INTERFACE, manager_vtable);
        return r < 0 ? r : sd_bus_add_object_manager(api->bus, bus_api_next_slot(api), BUS_PATH);
}

void bus_manager_update(BusApi *api)
{
        const char *changed[6];

        if (bus_manager_compare(api, changed) == 0)
                return;
        bus_api_log_signal(sd_bus_emit_properties_changed_strv(
                                           api->bus, BUS_PATH, BUS_MANAGER_INTERFACE, (char **) changed),
                        BUS_PATH);
}
