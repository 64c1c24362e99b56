/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "core/instance.h"
#include "core/ports.h"
#include "core/product.h"
#include "core/request.h"

/* What the configuration decides; the manager copies it. */
typedef struct ManagerSettings {
        const char *base_url; /* without trailing slash; in front of /instances/<id>/ */
        const char *deployment; /* id of this arkd, in labels */
        const char *compose_dir; /* /var/lib/arkd/compose */
        const char *subnet_pool; /* "10.231.0.0/16" */
        uint64_t expires_usec; /* default age of instances; 0: never */
        uint64_t tombstone_usec;
        unsigned workers; /* jobs at once */
        unsigned queue_max; /* jobs that wait */
        unsigned retry_max; /* times a job is begun again without getting any further, before it is given up */
        unsigned instances_max; /* MaxRunning= */
        unsigned quota_total, quota_identity, quota_rate; /* the last a minute and identity */
} ManagerSettings;

/* A change that views follow. */
typedef enum ManagerEvent {
        MANAGER_INSTANCE_ADDED,
        MANAGER_INSTANCE_CHANGED, /* any field */
        MANAGER_INSTANCE_REMOVED, /* deleted: the record is a tombstone now, then gone */
        MANAGER_PRODUCT_ADDED,
        MANAGER_PRODUCT_CHANGED,
        MANAGER_PRODUCT_REMOVED,
        MANAGER_CHANGED, /* engine or store came or went, the base of links or the ownerless volumes are others; instance
                          * and product are NULL */
} ManagerEvent;

typedef void (*ManagerEventHandler)(
                ManagerEvent event, Instance *instance, Product *product, void *userdata);

typedef struct ManagerWatch ManagerWatch;

/* ports are not owned and must outlive the manager. */
int manager_new(sd_event *event, const ManagerSettings *settings, EnginePort *engine, StorePort *store,
                ProbePort *probe, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP_FUNC(Manager, manager_free);

/* Starts loading from the store as soon as it is connected. Until then reads and writes fail with
 * FAULT_STORE_UNAVAILABLE. */
int manager_start(Manager *manager);
/* True once the registry has been loaded. */
bool manager_is_loaded(const Manager *manager);

/* Instances that are made from now on are reached there. 0 or -ENOMEM. */
int manager_set_base_url(Manager *manager, const char *base_url);
/* What the links of new instances begin with; without a slash at its end. The manager owns it. */
const char *manager_base_url(const Manager *manager);

/* Names, in their order, of the volumes that carry this deployment's labels and belong to no instance, as of the last
 * look at the engine; NULL-terminated, or NULL where there are none. The manager owns them. */
char *const *manager_ownerless_volumes(const Manager *manager);

sd_event *manager_get_event(Manager *manager);
bool manager_engine_connected(const Manager *manager);
bool manager_store_connected(const Manager *manager);

/* Registered objects; NULL where there is none. */
Instance *manager_get_instance(Manager *manager, const char *id);
Product *manager_get_product(Manager *manager, const char *id);

/* Instances that are not deleted. */
unsigned manager_count_instances(const Manager *manager);

/* In order of creation: iterate with a cursor that starts at NULL. Answers the next instance after the cursor
 * (which need not exist any more), newest last, or NULL at the end. The same for products. */
Instance *manager_next_instance(Manager *manager, const char *after_id);
Product *manager_next_product(Manager *manager, const char *after_id);

/* Follows changes until the watch is freed; freeing it within a handler is allowed. */
int manager_watch(Manager *manager, ManagerEventHandler handler, void *userdata, ManagerWatch **ret);
ManagerWatch *manager_watch_free(ManagerWatch *watch);
DEFINE_CLEANUP_FUNC(ManagerWatch, manager_watch_free);
