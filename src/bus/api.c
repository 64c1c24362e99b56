/* SPDX-License-Identifier: MIT */
#include "bus/api.h"

#include <errno.h>

#include "basic/log.h"
#include "bus/call.h"
#include "bus/instance.h"
#include "bus/log-control.h"
#include "bus/manager.h"
#include "bus/objects.h"
#include "bus/product.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/watch.h"

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
        strv_free(api->damaged_records);
        strv_free(api->lost_volumes);
        sd_bus_unref(api->bus);
        return mfree(api);
}
