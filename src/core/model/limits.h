/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "core/ports.h"

#define PIDS_MAX 4194304
/* A program needs some; and the kernel takes no more (fs.nr_open) unless told. */
#define FILES_MIN 64
#define FILES_MAX 1048576

/* A limit that a product leaves to the host. Elsewhere a limit is a number, or 0 for none. */
#define LIMIT_UNSET UINT64_MAX
#define RESOURCE_LIMITS_UNSET                                                                               \
        ((ResourceLimits){ .memory = LIMIT_UNSET,                                                           \
                        .nano_cpus = LIMIT_UNSET,                                                           \
                        .pids = LIMIT_UNSET,                                                                \
                        .files = LIMIT_UNSET })

/*
 * What the containers of an instance may use. It is settled when the instance is made, from its product and the
 * host's defaults, and kept in its record: new defaults make no container again.
 */
typedef struct InstanceLimits {
        ResourceLimits app, database;
        uint64_t log; /* bytes of output that the engine keeps of each container */
} InstanceLimits;

/* The limits, with the defaults in place of those that are unset. */
ResourceLimits limits_complete(const ResourceLimits *limits, const ResourceLimits *defaults);

/* A new object, or NULL when out of memory. */
struct json_object *instance_limits_to_json(const InstanceLimits *limits);
/* -EINVAL where a limit is missing or no number. */
int instance_limits_from_json(struct json_object *json, InstanceLimits *ret);
