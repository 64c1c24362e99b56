/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"

/*
 * How much room instances take up: what their containers have written into their own layers, and what is in their
 * volumes. An engine walks through all files to tell, for minutes where there are many, so it is asked now and then, when
 * no job is under way, and of the time it takes up at most a twentieth; who asks gets what is known.
 */
typedef struct Storage {
        ResourceSize *sizes; /* by kind and name, which are its own */
        size_t n_sizes;
        uint64_t measured_usec; /* CLOCK_REALTIME; 0: never */
        uint64_t begun_usec; /* CLOCK_MONOTONIC */
        uint64_t next_usec; /* not to be begun again before that, CLOCK_MONOTONIC */
        Pending *measuring;
        sd_event_source *timer;
        TAILQ_HEAD(, StorageWait) waits;
} Storage;

void storage_start(Manager *manager);
void storage_done(Manager *manager);

/* Has it measured anew, if it may be by now, and calls back when that ended, or after so long (-ETIMEDOUT). 1; 0 where
 * nothing is to be waited for, -ENOMEM. */
int storage_wait(Manager *manager, uint64_t timeout_usec, void (*done)(int error, void *userdata),
                void *userdata, Pending **ret_pending);

/* Something of an instance that takes up room: the layer of a container, or a volume. */
typedef struct StorageItem {
        InstanceNames names;
        const char *kind; /* "layer" or "volume" */
        const char *role; /* of the container that it is, or that it is mounted in */
        const char *name; /* of container or volume; may be in names: no copy of an item is of use */
        const char *path; /* where a volume is mounted; NULL of layers, and where that is not known */
        uint64_t bytes; /* USAGE_UNKNOWN where it was not measured since it was made */
} StorageItem;

/* The one of that number, from 0 on; false where there are no more. */
bool storage_get_item(const Manager *manager, const Instance *instance, size_t k, StorageItem *ret);
/* When that was measured, CLOCK_REALTIME; 0: never. */
uint64_t storage_measured_usec(const Manager *manager);

/* {"measured_at": …, "items": [{"kind": …, "role": …, "name": …, "path": …, "bytes": …}]}, null for what is not known.
 * NULL when out of memory. */
struct json_object *storage_to_json(const Manager *manager, const Instance *instance);

typedef struct StorageTotals {
        uint64_t layers, volumes; /* bytes, of all instances */
        uint64_t largest; /* of one of them */
} StorageTotals;

/* False where it was never measured. */
bool storage_get_totals(const Manager *manager, StorageTotals *ret);
