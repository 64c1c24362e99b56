/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/macro.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"

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

/* Follows changes until the watch is freed; freeing it within a handler is allowed. */
int manager_watch(Manager *manager, ManagerEventHandler handler, void *userdata, ManagerWatch **ret);
ManagerWatch *manager_watch_free(ManagerWatch *watch);
DEFINE_CLEANUP_FUNC(ManagerWatch, manager_watch_free);

/* Tells all watches. */
void manager_notify(Manager *manager, ManagerEvent event, Instance *instance, Product *product);

/* For the roof: nobody is told of anything any more. */
void manager_watches_done(Manager *manager);
