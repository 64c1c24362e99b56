/* SPDX-License-Identifier: MIT */
#include "core/model/limits.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/ports.h"

static const struct {
        const char *name;
        size_t offset;
} limit_fields[] = {
        { "memory", offsetof(ResourceLimits, memory) },
        { "nano_cpus", offsetof(ResourceLimits, nano_cpus) },
        { "pids", offsetof(ResourceLimits, pids) },
        { "files", offsetof(ResourceLimits, files) },
};

static uint64_t *limit_at(ResourceLimits *limits, size_t k)
{
        return (uint64_t *) (void *) ((char *) limits + limit_fields[k].offset);
}

ResourceLimits limits_complete(const ResourceLimits *limits, const ResourceLimits *defaults)
{
        ResourceLimits complete = *limits, others = *defaults;

        for (size_t k = 0; k < ELEMENTSOF(limit_fields); k++)
                if (*limit_at(&complete, k) == LIMIT_UNSET)
                        *limit_at(&complete, k) = *limit_at(&others, k);
        return complete;
}

static struct json_object *limits_to_json(ResourceLimits limits)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        for (size_t k = 0; k < ELEMENTSOF(limit_fields); k++)
                if (json_set_u64(json, limit_fields[k].name, *limit_at(&limits, k)) < 0)
                        return NULL;
        return TAKE_PTR(json);
}

static int limits_from_json(struct json_object *json, ResourceLimits *ret)
{
        ResourceLimits limits = { 0 };

        for (size_t k = 0; k < ELEMENTSOF(limit_fields); k++)
                if (json_get_u64(json, limit_fields[k].name, limit_at(&limits, k)) < 0)
                        return -EINVAL;
        *ret = limits;
        return 0;
}

struct json_object *instance_limits_to_json(const InstanceLimits *limits)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        if (json_set(json, "app", limits_to_json(limits->app)) < 0 ||
                        json_set(json, "database", limits_to_json(limits->database)) < 0 ||
                        json_set_u64(json, "log", limits->log) < 0)
                return NULL;
        return TAKE_PTR(json);
}

int instance_limits_from_json(struct json_object *json, InstanceLimits *ret)
{
        InstanceLimits limits = { 0 };
        int r;

        r = limits_from_json(json_get(json, "app"), &limits.app);
        if (r >= 0)
                r = limits_from_json(json_get(json, "database"), &limits.database);
        if (r >= 0 && json_get_u64(json, "log", &limits.log) < 0)
                r = -EINVAL;
        if (r < 0)
                return r;
        *ret = limits;
        return 0;
}
