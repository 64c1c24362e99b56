/* SPDX-License-Identifier: MIT */
#include "bus/bus-api.h"

#include <errno.h>

#include "bus/bus-internal.h"

sd_bus_slot **bus_api_next_slot(BusApi *api)
{
        /* As many as are ever registered; each place registers a fixed number. */
        if (api->n_slots == ELEMENTSOF(api->slots))
                abort();
        return &api->slots[api->n_slots++];
}

int bus_api_add_vtable(BusApi *api, const char *path, const char *interface, const sd_bus_vtable *vtable)
{
        return sd_bus_add_object_vtable(api->bus, bus_api_next_slot(api), path, interface, vtable, api);
}

int bus_api_add_objects(BusApi *api, const char *prefix, const char *interface, const sd_bus_vtable *vtable,
                sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate)
{
        int r;

        r = sd_bus_add_fallback_vtable(
                        api->bus, bus_api_next_slot(api), prefix, interface, vtable, find, api);
        return r < 0 ? r
                     : sd_bus_add_node_enumerator(api->bus, bus_api_next_slot(api), prefix, enumerate, api);
}

int bus_api_enumerate(struct lh_table *table, int (*to_path)(const char *id, char **ret), char ***ret_paths)
{
        _cleanup_(strv_freep) char **paths = new0(char *, (size_t) lh_table_length(table) + 1);
        struct lh_entry *entry;
        size_t n = 0;
        int r;

        if (!paths)
                return -ENOMEM;
        lh_foreach(table, entry)
        {
                r = to_path(lh_entry_k(entry), &paths[n]);
                if (r < 0)
                        return r;
                n++;
        }
        *ret_paths = TAKE_PTR(paths);
        return 0;
}

void bus_api_log_signal(int error, const char *path)
{
        if (error < 0 && error != -ENOTCONN)
                (void) log_warning_errno(error, "Cannot signal a change of %s on the bus: %m", path);
}

static void bus_api_on_event(ManagerEvent event, Instance *instance, Product *product, void *userdata)
{
        BusApi *api = userdata;
        int r = 0;

        switch (event) {
        case MANAGER_INSTANCE_ADDED:
                r = bus_instance_add(api, instance, true);
                break;
        case MANAGER_INSTANCE_CHANGED:
                bus_instance_change(api, instance);
                break;
        case MANAGER_INSTANCE_REMOVED:
                bus_instance_remove(api, instance);
                break;
        case MANAGER_PRODUCT_ADDED:
                r = bus_product_add(api, product, true);
                break;
        case MANAGER_PRODUCT_CHANGED:
                bus_product_change(api, product);
                break;
        case MANAGER_PRODUCT_REMOVED:
                bus_product_remove(api, product->id);
                break;
        case MANAGER_CHANGED:
                break;
        }
        if (r < 0)
                (void) log_error_errno(r, "Cannot put an object on the bus: %m");
        bus_manager_update(api);
}

/* Somebody left the bus: nobody waits for the replies to their calls any more. */
static int bus_api_on_name_lost(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        BusApi *api = userdata;
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        bus_calls_drop(api, name);
        return 0;
}

static int bus_api_on_match(sd_bus_message *answer, void *userdata, sd_bus_error *error)
{
        if (sd_bus_message_is_method_error(answer, NULL))
                log_warning("The bus will not tell who leaves it: calls of theirs run to their end. %s",
                                sd_bus_message_get_error(answer)->message);
        return 0;
}

static int bus_api_watch_names(BusApi *api)
{
        /* Only those who are gone: unique names that nobody owns any more. */
        return sd_bus_add_match_async(api->bus, bus_api_next_slot(api),
                        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
                        bus_api_on_name_lost, bus_api_on_match, api);
}

/* What there is already. */
static int bus_api_load(BusApi *api)
{
        int r;

        for (Product *p = NULL; (p = manager_next_product(api->manager, p ? p->id : NULL));) {
                r = bus_product_add(api, p, false);
                if (r < 0)
                        return r;
        }
        for (Instance *i = NULL; (i = manager_next_instance(api->manager, i ? i->id : NULL));) {
                r = bus_instance_add(api, i, false);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int bus_api_register(BusApi *api)
{
        int r;

        r = bus_manager_register(api);
        if (r >= 0)
                r = bus_instance_register(api);
        if (r >= 0)
                r = bus_product_register(api);
        if (r >= 0)
                r = bus_log_control_register(api);
        if (r >= 0)
                r = bus_api_watch_names(api);
        return r;
}

int bus_api_new(sd_bus *bus, Manager *manager, BusApi **ret)
{
        _cleanup_(bus_api_freep) BusApi *api = new0(BusApi, 1);
        int r;

        if (!api)
                return -ENOMEM;
        api->bus = sd_bus_ref(bus);
        api->manager = manager;
        api->instances = lh_kchar_table_new(64, bus_instance_entry_free);
        api->products = lh_kchar_table_new(16, bus_product_entry_free);
        if (!api->instances || !api->products)
                return -ENOMEM;
        r = bus_api_load(api);
        if (r >= 0)
                r = bus_api_register(api);
        if (r >= 0)
                r = manager_watch(manager, bus_api_on_event, api, &api->watch);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(api);
        return 0;
}

BusApi *bus_api_free(BusApi *api)
{
        if (!api)
                return NULL;
        manager_watch_free(api->watch);
        bus_calls_drop(api, NULL);
        for (size_t i = 0; i < api->n_slots; i++)
                sd_bus_slot_unref(api->slots[i]);
        if (api->instances)
                lh_table_free(api->instances);
        if (api->products)
                lh_table_free(api->products);
        free(api->base_url);
        strv_free(api->ownerless_volumes);
        sd_bus_unref(api->bus);
        return mfree(api);
}
