/* SPDX-License-Identifier: MIT */
#include "bus/manager.h"

#include <errno.h>

#include "bus/call.h"
#include "bus/objects.h"
#include "bus/words.h"
#include "config.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/recovery/generation.h"
#include "core/recovery/unknown.h"
#include "core/registry/admission.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/storage.h"
#include "core/upkeep/lost.h"
#include "core/upkeep/ownerless.h"

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", ARK_VERSION);
}

static int get_applications_url(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Manager *m = ((BusApi *) userdata)->manager;
        _cleanup_free_ char *url = applications_url(manager_applications(m), manager_base_url(m));

        return url ? sd_bus_message_append(reply, "s", url) : -ENOMEM;
}

/* Those whose applications were told another URL than they would be told now. */
static int get_misplaced_instances(sd_bus *bus, const char *path, const char *interface,
                const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Manager *m = ((BusApi *) userdata)->manager;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (Instance *i = NULL; r >= 0 && (i = manager_next_instance(m, i ? i->id : NULL));)
                if (i->upstream && instance_has_resources(i) &&
                                instance_url_is_outdated(manager_applications(m), i))
                        r = sd_bus_message_append(reply, "s", i->id);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_ownerless_volumes(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        BusApi *api = userdata;

        return sd_bus_message_append_strv(reply, (char **) manager_ownerless_volumes(api->manager));
}

static int get_store_behind(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusApi *api = userdata;
        StoreCondition c;

        manager_get_store_condition(api->manager, &c);
        return sd_bus_message_append(reply, "(ttb)", c.found, c.expected, c.settled);
}

static int get_store_rewritten(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusApi *api = userdata;
        StoreCondition c;

        manager_get_store_condition(api->manager, &c);
        return sd_bus_message_append(reply, "t", c.rewritten_usec);
}

static int get_damaged_records(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusApi *api = userdata;

        return sd_bus_message_append_strv(reply, (char **) manager_damaged_records(api->manager));
}

static int get_unknown_instances(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusApi *api = userdata;
        UnknownInstance u = { 0 };
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sss)");
        while (r >= 0 && manager_next_unknown(api->manager, u.id, &u))
                r = sd_bus_message_append(
                                reply, "(sss)", u.id, strempty(u.client_name), strempty(u.problem));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_lost_volumes(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        BusApi *api = userdata;

        return sd_bus_message_append_strv(reply, (char **) manager_lost_volumes(api->manager));
}

static int get_storage_measured(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusApi *api = userdata;

        return sd_bus_message_append(reply, "t", storage_measured_usec(api->manager));
}

static int get_engine_directory(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const BusApi *api = userdata;

        return sd_bus_message_append(reply, "s", admission_engine_root(api->manager));
}

#define MANAGER_METHOD(member, in, in_names, out, out_names)                                                \
        SD_BUS_METHOD_WITH_NAMES(                                                                           \
                        member, in, in_names, out, out_names, bus_call_handle, SD_BUS_VTABLE_UNPRIVILEGED)

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
        SD_BUS_PROPERTY("ApplicationsURL", "s", get_applications_url, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("MisplacedInstances", "as", get_misplaced_instances, 0, 0),
        SD_BUS_PROPERTY("OwnerlessVolumes", "as", get_ownerless_volumes, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("UnknownInstances", "a(sss)", get_unknown_instances, 0,
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("DamagedRecords", "as", get_damaged_records, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StoreBehind", "(ttb)", get_store_behind, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StoreRewritten", "t", get_store_rewritten, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("LostVolumes", "as", get_lost_volumes, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("StorageMeasured", "t", get_storage_measured, 0, 0),
        SD_BUS_PROPERTY("EngineDirectory", "s", get_engine_directory, 0, 0),
        MANAGER_METHOD("CreateInstance", "ssa{sv}",
                        SD_BUS_PARAM(product_id) SD_BUS_PARAM(client_name) SD_BUS_PARAM(options), "so",
                        SD_BUS_PARAM(id) SD_BUS_PARAM(path)),
        MANAGER_METHOD("GetInstance", "s", SD_BUS_PARAM(id), "o", SD_BUS_PARAM(path)),
        MANAGER_METHOD("ListInstances", "a{sv}", SD_BUS_PARAM(filter), "a(ssssto)", SD_BUS_PARAM(instances)),
        MANAGER_METHOD("DeleteInstance", "s", SD_BUS_PARAM(id), "", ),
        MANAGER_METHOD("AdoptInstance", "s", SD_BUS_PARAM(id), "", ),
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

#define CHANGED_MAX 13

static bool condition_changed(const StoreCondition *a, const StoreCondition *b)
{
        return a->found != b->found || a->expected != b->expected || a->settled != b->settled;
}

/* Names what has changed since the last signal, and remembers it. What there is no memory for is told the next time. */
static size_t bus_manager_compare(BusApi *api, const char *changed[CHANGED_MAX])
{
        unsigned unknown = manager_unknown_serial(api->manager);
        char *const *ownerless = manager_ownerless_volumes(api->manager);
        char *const *damaged = manager_damaged_records(api->manager);
        char *const *lost = manager_lost_volumes(api->manager);
        const char *base_url = manager_base_url(api->manager);
        unsigned count = manager_count_instances(api->manager);
        int engine = manager_engine_connected(api->manager);
        int store = manager_store_connected(api->manager);
        StoreCondition condition;
        size_t n = 0;

        manager_get_store_condition(api->manager, &condition);
        if (count != api->instance_count)
                changed[n++] = "InstanceCount";
        if (engine != api->engine_connected)
                changed[n++] = "EngineConnected";
        if (store != api->store_connected)
                changed[n++] = "StoreConnected";
        if (!streq_ptr(base_url, api->base_url) && free_and_strdup(&api->base_url, base_url) >= 0) {
                changed[n++] = "BaseURL";
                changed[n++] = "ApplicationsURL";
        }
        if (!strv_equal(ownerless, api->ownerless_volumes) &&
                        strv_copy(ownerless, &api->ownerless_volumes) >= 0)
                changed[n++] = "OwnerlessVolumes";
        if (!strv_equal(damaged, api->damaged_records) && strv_copy(damaged, &api->damaged_records) >= 0)
                changed[n++] = "DamagedRecords";
        if (unknown != api->unknown_serial)
                changed[n++] = "UnknownInstances";
        if (condition_changed(&condition, &api->store_condition))
                changed[n++] = "StoreBehind";
        if (condition.rewritten_usec != api->store_condition.rewritten_usec)
                changed[n++] = "StoreRewritten";
        api->unknown_serial = unknown;
        api->store_condition = condition;
        if (!strv_equal(lost, api->lost_volumes) && strv_copy(lost, &api->lost_volumes) >= 0)
                changed[n++] = "LostVolumes";
        api->instance_count = count;
        api->engine_connected = engine;
        api->store_connected = store;
        changed[n] = NULL;
        return n;
}

int bus_manager_register(BusApi *api)
{
        const char *changed[CHANGED_MAX];
        int r;

        (void) bus_manager_compare(api, changed);
        r = bus_api_add_vtable(api, BUS_PATH, BUS_MANAGER_INTERFACE, manager_vtable);
        return r < 0 ? r : sd_bus_add_object_manager(api->bus, bus_api_next_slot(api), BUS_PATH);
}

void bus_manager_update(BusApi *api)
{
        const char *changed[CHANGED_MAX];

        if (bus_manager_compare(api, changed) == 0)
                return;
        bus_api_log_signal(sd_bus_emit_properties_changed_strv(
                                           api->bus, BUS_PATH, BUS_MANAGER_INTERFACE, (char **) changed),
                        BUS_PATH);
}
