/* SPDX-License-Identifier: MIT */
#include "bus/objects.h"

#include <errno.h>

#include "basic/log.h"
#include "bus/words.h"

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

int bus_instance_path(const char *id, char **ret_path)
{
        char *path = str_printf("%s/%s", BUS_INSTANCE_PREFIX, id);

        if (!path)
                return -ENOMEM;
        *ret_path = path;
        return 0;
}

int bus_product_path(const char *id, char **ret_path)
{
        return sd_bus_path_encode(BUS_PRODUCT_PREFIX, id, ret_path);
}

bool bus_api_has_instance(const BusApi *api, const char *id)
{
        return lh_table_lookup_entry(api->instances, id);
}
