/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "arkctl/ctl.h"

/* What of an instance takes up room on disk. */
typedef struct DiskItem {
        char *kind; /* "layer", what a container has written outside of volumes, or "volume" */
        char *role, *name;
        char *path; /* where a volume is mounted; NULL where that is not known */
        uint64_t bytes; /* UINT64_MAX: not measured since it was made */
} DiskItem;

typedef struct DiskUse {
        DiskItem *items;
        size_t n;
} DiskUse;

void disk_use_done(DiskUse *storage);

/* From a message that has the property next, a variant. */
int disk_use_parse(sd_bus_message *m, DiskUse *ret);

/* As of now, of an instance. Negative errno where it is not to be had (an older daemon): a page then does without. */
int disk_use_read(Ctl *ctl, const char *id, DiskUse *ret);
/* When all was measured; 0: never. -EOPNOTSUPP where the arkd that runs is too old to tell. */
int disk_use_read_measured(Ctl *ctl, uint64_t *ret_usec);

/* Of all that is known, and of layers alone; *ret_known (may be NULL): whether anything is. */
uint64_t disk_use_sum(const DiskUse *storage, bool *ret_known);
uint64_t disk_use_sum_layers(const DiskUse *storage);

/* {"measured_at": …, "items": […]}, as the HTTP API has it. NULL when out of memory. */
struct json_object *disk_use_to_json(const DiskUse *storage, uint64_t measured_usec);
