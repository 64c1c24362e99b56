/* SPDX-License-Identifier: MIT */
#include "arkctl/disk-use.h"

#include <errno.h>

#include "arkctl/client.h"
#include "arkctl/objects.h"
#include "basic/json-util.h"
#include "basic/string-util.h"

#define DISK_TYPES "sssst"

static void item_done(DiskItem *use)
{
        free(use->kind);
        free(use->role);
        free(use->name);
        free(use->path);
}

void disk_use_done(DiskUse *storage)
{
        for (size_t i = 0; i < storage->n; i++)
                item_done(storage->items + i);
        free(storage->items);
        *storage = (DiskUse){ 0 };
}

static int disk_use_add(DiskUse *storage, const char *kind, const char *role, const char *name,
                const char *path, uint64_t bytes)
{
        DiskItem *more = reallocarray(storage->items, storage->n + 1, sizeof *more), use = { 0 };

        if (more)
                storage->items = more;
        use.bytes = bytes;
        if (!more || free_and_strdup(&use.kind, kind) < 0 || free_and_strdup(&use.role, role) < 0 ||
                        free_and_strdup(&use.name, name) < 0 ||
                        free_and_strdup(&use.path, *path ? path : NULL) < 0) {
                item_done(&use);
                return -ENOMEM;
        }
        storage->items[storage->n++] = use;
        return 0;
}

int disk_use_parse(sd_bus_message *m, DiskUse *ret)
{
        _cleanup_(disk_use_done) DiskUse storage = { 0 };
        const char *kind, *role, *name, *path;
        uint64_t bytes;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "a(" DISK_TYPES ")");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(" DISK_TYPES ")");
        while (r >= 0 && (r = sd_bus_message_read(
                                          m, "(" DISK_TYPES ")", &kind, &role, &name, &path, &bytes)) > 0)
                r = disk_use_add(&storage, kind, role, name, path, bytes);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        disk_use_done(ret);
        *ret = storage;
        storage = (DiskUse){ 0 };
        return 0;
}

static int get_property(
                Ctl *ctl, const char *path, const char *interface, const char *name, sd_bus_message **ret)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;

        return ctl_try(ctl, path, PROPERTIES_INTERFACE, "Get", &error, ret, "ss", interface, name);
}

int disk_use_read(Ctl *ctl, const char *id, DiskUse *ret)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = instance_path(id, &path);
        if (r >= 0)
                r = get_property(ctl, path, ARK_INSTANCE_INTERFACE, "Storage", &reply);
        return r < 0 ? r : disk_use_parse(reply, ret);
}

int disk_use_read_measured(Ctl *ctl, uint64_t *ret_usec)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = get_property(ctl, ARK_BUS_PATH, ARK_MANAGER_INTERFACE, "StorageMeasured", &reply);
        if (r < 0)
                return r == -ENOMEM ? r : -EOPNOTSUPP;
        r = sd_bus_message_enter_container(reply, 'v', "t");
        return r < 0 ? r : sd_bus_message_read_basic(reply, 't', ret_usec);
}

uint64_t disk_use_sum(const DiskUse *storage, bool *ret_known)
{
        uint64_t sum = 0;
        bool known = false;

        for (size_t i = 0; i < storage->n; i++)
                if (storage->items[i].bytes != UINT64_MAX) {
                        sum += storage->items[i].bytes;
                        known = true;
                }
        if (ret_known)
                *ret_known = known;
        return sum;
}

uint64_t disk_use_sum_layers(const DiskUse *storage)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < storage->n; i++)
                if (streq(storage->items[i].kind, "layer") && storage->items[i].bytes != UINT64_MAX)
                        sum += storage->items[i].bytes;
        return sum;
}

static struct json_object *item_to_json(const DiskItem *use)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        if (!json || json_set_string(json, "kind", use->kind) < 0 ||
                        json_set_string(json, "role", use->role) < 0 ||
                        json_set_string(json, "name", use->name) < 0 ||
                        json_set_string(json, "path", use->path) < 0 ||
                        json_set_known(json, "bytes", use->bytes) < 0)
                return NULL;
        return TAKE_PTR(json);
}

struct json_object *disk_use_to_json(const DiskUse *storage, uint64_t measured_usec)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();
        struct json_object *items = json_object_new_array();

        if (json_set(json, "items", items) < 0 ||
                        json_set_timestamp(json, "measured_at", measured_usec ? measured_usec : UINT64_MAX) <
                                        0)
                return NULL;
        for (size_t i = 0; i < storage->n; i++)
                if (json_append(items, item_to_json(storage->items + i)) < 0)
                        return NULL;
        return TAKE_PTR(json);
}
