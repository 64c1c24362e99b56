/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/registry/context.h"

/* Containers that ended, were stopped or removed by hand, or became unhealthy show in their instance's status. */

/* The engine says that something happened to a container of the instance. */
void check_event(Manager *manager, const char *instance_id, const char *role, const char *event);
/* Looks at its containers. */
void check_instance(Manager *manager, const char *instance_id);
/* Looks that are under way on an instance end with it. */
void check_forget(Instance *instance);
