/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/engine-task.h"

/* Lists containers, networks and volumes with this deployment's label, as EngineVTable in core/ports.h says. */
int engine_list(EngineClient *c, uint64_t timeout_usec, ResourcesDone done, void *userdata,
                Pending **ret_pending);

/* {"label": ["network.ark.deployment=<id>"]}, for events with the type and the names of those that are of interest,
 * escaped for a URL. A new string; NULL when out of memory. */
char *engine_filters(const EngineClient *c, bool of_events);
