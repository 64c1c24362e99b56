/* SPDX-License-Identifier: MIT */
#include "arkctl/usage.h"

#include <errno.h>

#include "arkctl/client.h"
#include "arkctl/objects.h"
#include "basic/json-util.h"
#include "basic/string-util.h"

#define USAGE_TYPES "ssttttttt"

void usage_done(Usage *usage)
{
        for (size_t i = 0; i < usage->n; i++) {
                free(usage->items[i].role);
                free(usage->items[i].container);
        }
        free(usage->items);
        *usage = (Usage){ 0 };
}

static int usage_add(Usage *usage, const ContainerUse *use, const char *role, const char *container)
{
        ContainerUse *more = reallocarray(usage->items, usage->n + 1, sizeof *more);

        if (!more)
                return -ENOMEM;
        usage->items = more;
        more += usage->n++;
        *more = *use;
        more->role = strdup(role);
        more->container = strdup(container);
        return more->role && more->container ? 0 : -ENOMEM;
}

static int usage_parse(sd_bus_message *m, Usage *usage)
{
        const char *role, *container;
        ContainerUse use = { 0 };
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(" USAGE_TYPES ")");
        while (r >= 0 && (r = sd_bus_message_read(m, "(" USAGE_TYPES ")", &role, &container,
                                          &use.started_usec, &use.read_usec, &use.memory, &use.memory_limit,
                                          &use.cpu_nsec, &use.pids, &use.pids_limit)) > 0)
                r = usage_add(usage, &use, role, container);
        return r;
}

int usage_read(Ctl *ctl, const char *id, Usage *ret)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(usage_done) Usage usage = { 0 };
        _cleanup_free_ char *path = NULL;
        int r;

        r = instance_path(id, &path);
        if (r >= 0)
                r = ctl_try(ctl, path, ARK_INSTANCE_INTERFACE, "GetUsage", &error, &reply, NULL);
        if (r >= 0)
                r = usage_parse(reply, &usage);
        if (r < 0)
                return r;
        *ret = usage;
        usage = (Usage){ 0 };
        return 0;
}

const ContainerUse *usage_of(const Usage *usage, const char *container)
{
        for (size_t i = 0; i < usage->n; i++)
                if (streq(usage->items[i].container, container))
                        return usage->items + i;
        return NULL;
}

static struct json_object *use_to_json(const ContainerUse *use)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        if (!json || json_set_string(json, "role", use->role) < 0 ||
                        json_set_string(json, "container", use->container) < 0 ||
                        json_set_timestamp(json, "started_at", use->started_usec) < 0 ||
                        json_set_timestamp(json, "read_at", use->read_usec) < 0 ||
                        json_set_known(json, "memory", use->memory) < 0 ||
                        json_set_known(json, "memory_limit", use->memory_limit) < 0 ||
                        json_set_known(json, "cpu_nsec", use->cpu_nsec) < 0 ||
                        json_set_known(json, "pids", use->pids) < 0 ||
                        json_set_known(json, "pids_limit", use->pids_limit) < 0)
                return NULL;
        return TAKE_PTR(json);
}

struct json_object *usage_to_json(const Usage *usage)
{
        _cleanup_json_ struct json_object *list = json_object_new_array();

        for (size_t i = 0; list && i < usage->n; i++)
                if (json_append(list, use_to_json(usage->items + i)) < 0)
                        return NULL;
        return TAKE_PTR(list);
}
