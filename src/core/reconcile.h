/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/manager.h"

/*
 * Keeps what is remembered true to what runs: containers that ended, were stopped or removed by hand, or became
 * unhealthy show in their instance's status; what carries this deployment's labels without belonging to an instance
 * is removed, but for volumes, which may hold data and are reported only.
 */

/* The engine says that something happened to a container of the instance. */
void reconcile_instance(Manager *manager, const char *instance_id);

/* Looks at everything; when the engine (or the store) has come back. */
void reconcile_all(Manager *manager);

/* Looks that are under way on an instance end with it. */
void reconcile_forget(Instance *instance);
void reconcile_cancel(Manager *manager);
