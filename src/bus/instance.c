/* SPDX-License-Identifier: MIT */
#include "bus/instance.h"

#include <errno.h>

#include "basic/log.h"
#include "bus/call.h"
#include "bus/objects.h"
#include "bus/words.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/registry/registry.h"
#include "core/registry/storage.h"

/* An instance that has been announced, and its changing properties as last signalled. */
typedef struct BusInstance {
        char *id;
        InstanceStatus status;
        InstancePhase phase;
        double progress;
        char *message;
        char *error_step, *error_reason;
        char *access_url;
        uint64_t expires_usec;
} BusInstance;

static BusInstance *bus_instance_free(BusInstance *seen)
{
        if (!seen)
                return NULL;
        free(seen->id);
        free(seen->message);
        free(seen->error_step);
        free(seen->error_reason);
        free(seen->access_url);
        return mfree(seen);
}
DEFINE_CLEANUP_FUNC(BusInstance, bus_instance_free);

void bus_instance_entry_free(struct lh_entry *entry)
{
        bus_instance_free((BusInstance *) lh_entry_v(entry));
}

static int get_status(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Instance *instance = userdata;

        return sd_bus_message_append(reply, "s", instance_status_text(instance));
}

static int get_phase(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Instance *instance = userdata;

        return sd_bus_message_append(reply, "s", instance_phase_text(instance));
}

static int get_error(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Instance *instance = userdata;
        _cleanup_free_ char *text = NULL;

        if (!instance->error_reason)
                return sd_bus_message_append(reply, "s", "");
        text = str_printf("%s: %s", strempty(instance->error_step), instance->error_reason);
        return text ? sd_bus_message_append(reply, "s", text) : -ENOMEM;
}

static int get_image(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", strempty(instance_image(userdata)));
}

static int get_warning(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", strempty(instance_warning(userdata)));
}

static int get_db_name(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const Instance *instance = userdata;
        InstanceNames names;

        instance_names(instance, &names);
        return sd_bus_message_append(reply, "s", instance->has_database ? names.database : "");
}

static int get_storage(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        BusApi *api = sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus));
        StorageItem item;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sssst)");
        for (size_t k = 0; r >= 0 && storage_get_item(api->manager, userdata, k, &item); k++)
                r = sd_bus_message_append(reply, "(sssst)", item.kind, item.role, item.name,
                                strempty(item.path), item.bytes);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static const sd_bus_vtable instance_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", NULL, offsetof(Instance, id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ProductId", "s", NULL, offsetof(Instance, product_id),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ClientName", "s", NULL, offsetof(Instance, client_name),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Image", "s", get_image, 0, 0),
        SD_BUS_PROPERTY("Status", "s", get_status, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Phase", "s", get_phase, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Progress", "d", NULL, offsetof(Instance, progress),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Message", "s", NULL, offsetof(Instance, message),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Error", "s", get_error, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Warning", "s", get_warning, 0, 0),
        SD_BUS_PROPERTY("AccessUrl", "s", NULL, offsetof(Instance, access_url),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("DbName", "s", get_db_name, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("CreatedAt", "t", NULL, offsetof(Instance, created_usec),
                        SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("ExpiresAt", "t", NULL, offsetof(Instance, expires_usec),
                        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Storage", "a(sssst)", get_storage, 0, 0),
        SD_BUS_METHOD("Restart", "", "", bus_call_handle, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("RestartWithOptions", "a{sv}", SD_BUS_PARAM(options), "s",
                        SD_BUS_PARAM(note), bus_call_handle, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("SetExpiry", "t", SD_BUS_PARAM(expires_at), "", , bus_call_handle,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("GetLogs", "su", SD_BUS_PARAM(cursor) SD_BUS_PARAM(lines), "sas",
                        SD_BUS_PARAM(cursor) SD_BUS_PARAM(lines), bus_call_handle,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_NAMES("GetUsage", "", , "a(ssttttttt)", SD_BUS_PARAM(usage), bus_call_handle,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Delete", "", "", bus_call_handle, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int find_instance(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        BusApi *api = userdata;
        const char *id = startswith(path, BUS_INSTANCE_PREFIX "/");
        Instance *instance;

        if (!id || !lh_table_lookup_entry(api->instances, id))
                return 0;
        instance = manager_get_instance(api->manager, id);
        if (!instance && api->leaving && streq(api->leaving->id, id))
                instance = api->leaving;
        if (!instance)
                return 0;
        *ret_found = instance;
        return 1;
}

static int enumerate_instances(
                sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error)
{
        BusApi *api = userdata;

        return bus_api_enumerate(api->instances, bus_instance_path, ret_nodes);
}

int bus_instance_register(BusApi *api)
{
        return bus_api_add_objects(api, BUS_INSTANCE_PREFIX, BUS_INSTANCE_INTERFACE, instance_vtable,
                        find_instance, enumerate_instances);
}

/* Brings one string up to date; true where it has changed (also where there is no memory to remember it). */
static bool string_changed(char **seen, const char *now)
{
        if (streq_ptr(*seen, now))
                return false;
        (void) free_and_strdup(seen, now);
        return true;
}

/* Names what has changed since the last signal, and remembers it. names has room for all and a final NULL. */
static size_t bus_instance_compare(BusInstance *seen, const Instance *instance, const char *names[8])
{
        bool step = string_changed(&seen->error_step, instance->error_step);
        bool reason = string_changed(&seen->error_reason, instance->error_reason);
        size_t n = 0;

        if (seen->status != instance->status)
                names[n++] = "Status";
        if (seen->phase != instance->phase)
                names[n++] = "Phase";
        if (seen->progress < instance->progress || seen->progress > instance->progress)
                names[n++] = "Progress";
        if (string_changed(&seen->message, instance->message))
                names[n++] = "Message";
        if (step || reason)
                names[n++] = "Error";
        if (string_changed(&seen->access_url, instance->access_url))
                names[n++] = "AccessUrl";
        if (seen->expires_usec != instance->expires_usec)
                names[n++] = "ExpiresAt";
        seen->status = instance->status;
        seen->phase = instance->phase;
        seen->progress = instance->progress;
        seen->expires_usec = instance->expires_usec;
        names[n] = NULL;
        return n;
}

int bus_instance_add(BusApi *api, const Instance *instance, bool signal)
{
        _cleanup_(bus_instance_freep) BusInstance *seen = NULL;
        _cleanup_free_ char *path = NULL;
        const char *names[8];
        int r;

        if (instance->status == INSTANCE_DELETED || lh_table_lookup_entry(api->instances, instance->id))
                return 0;
        r = bus_instance_path(instance->id, &path);
        if (r < 0)
                return r;
        seen = new0(BusInstance, 1);
        if (!seen || free_and_strdup(&seen->id, instance->id) < 0)
                return -ENOMEM;
        (void) bus_instance_compare(seen, instance, names);
        if (lh_table_insert(api->instances, seen->id, seen) < 0)
                return -ENOMEM;
        TAKE_PTR(seen);
        if (signal)
                bus_api_log_signal(sd_bus_emit_object_added(api->bus, path), path);
        return 0;
}

void bus_instance_change(BusApi *api, const Instance *instance)
{
        struct lh_entry *entry = lh_table_lookup_entry(api->instances, instance->id);
        _cleanup_free_ char *path = NULL;
        const char *names[8];

        if (!entry) {
                /* Missed for want of memory, or loaded late. */
                if (bus_instance_add(api, instance, true) < 0)
                        (void) log_oom();
                return;
        }
        if (bus_instance_compare((BusInstance *) lh_entry_v(entry), instance, names) == 0)
                return;
        if (bus_instance_path(instance->id, &path) < 0) {
                (void) log_oom();
                return;
        }
        bus_api_log_signal(sd_bus_emit_properties_changed_strv(
                                           api->bus, path, BUS_INSTANCE_INTERFACE, (char **) names),
                        path);
}

void bus_instance_remove(BusApi *api, Instance *instance)
{
        struct lh_entry *entry = lh_table_lookup_entry(api->instances, instance->id);
        _cleanup_free_ char *path = NULL;

        if (!entry)
                return;
        api->leaving = instance;
        bus_instance_change(api, instance); /* who follows it sees its end */
        if (bus_instance_path(instance->id, &path) >= 0)
                bus_api_log_signal(sd_bus_emit_object_removed(api->bus, path), path);
        else
                (void) log_oom();
        api->leaving = NULL;
        (void) lh_table_delete_entry(api->instances, entry);
}
