/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* Lists containers, networks and volumes with this deployment's label, as EngineVTable in core/ports.h says. */
int engine_list(EngineClient *c, uint64_t timeout_usec, ResourcesDone done, void *userdata,
                Pending **ret_pending);

/* The same of one instance: what bears its id in a label. */
int engine_list_of_instance(EngineClient *c, const char *instance_id, uint64_t timeout_usec,
                ResourcesDone done, void *userdata, Pending **ret_pending);

/* What one of a list, o, is called, or NULL. Valid as long as o. */
const char *engine_list_name(ResourceKind kind, struct json_object *o);
