/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/manager.h"

/*
 * Keeps what is remembered true to what runs: containers that ended, were stopped or removed by hand, or became
 * unhealthy show in their instance's status; what carries this deployment's labels without belonging to an instance
 * is removed, but for volumes, which may hold data and are reported only.
 */

/* The engine says that something happened to a container of the instance. */
void reconcile_event(Manager *manager, const char *instance_id, const char *role, const char *event);
/* Looks at its containers. */
void reconcile_instance(Manager *manager, const char *instance_id);

/* Looks at everything; when the engine (or the store) has come back. */
void reconcile_all(Manager *manager);
/* Looks at what the engine has, and whether it belongs to somebody. */
void reconcile_resources(Manager *manager);
/* The same in a while: the engine may still be at work on what it did not answer for. */
void reconcile_resources_later(Manager *manager);
/* reconcile-upkeep.c: looks again at what the engine has now and then, and at what differs from what is remembered: it
 * may have kept an event to itself. */
void reconcile_start(Manager *manager);
/* Looks at the instances that a list of all resources shows to differ. */
void reconcile_compare(Manager *manager, const Resource *items, size_t n);
/* Whether somebody owns it, or may: what a damaged record may stand for is protected. */
bool reconcile_has_owner(Manager *manager, const Resource *resource);

/* Looks that are under way on an instance end with it. */
void reconcile_forget(Instance *instance);
void reconcile_cancel(Manager *manager);

/* reconcile-volumes.c: takes in which volumes belong to nobody, from a list of all resources; tells of those that are
 * new, and of a list that is another. */
void ownerless_update(Manager *manager, const Resource *items, size_t n);
/* Has them looked at again in a while, where there are any: one that is removed by hand leaves the list then. */
void ownerless_look_later(Manager *manager);
void ownerless_done(Manager *manager);
