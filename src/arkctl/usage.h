/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "arkctl/ctl.h"

/* What a running container uses; UINT64_MAX where the engine does not tell, or there is no limit. */
typedef struct ContainerUse {
        char *role, *container;
        uint64_t started_usec, read_usec;
        uint64_t memory, memory_limit; /* bytes */
        uint64_t cpu_nsec;
        uint64_t pids, pids_limit;
} ContainerUse;

typedef struct Usage {
        ContainerUse *items;
        size_t n;
} Usage;

/* Asks for that of an instance. Negative errno where it is not to be had (the engine is away, an older daemon): a page
 * then does without. */
int usage_read(Ctl *ctl, const char *id, Usage *ret);
void usage_done(Usage *usage);

/* The container's, or NULL. */
const ContainerUse *usage_of(const Usage *usage, const char *container);

/* A list of objects with the names of the HTTP API. NULL when out of memory. */
struct json_object *usage_to_json(const Usage *usage);
