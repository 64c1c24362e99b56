/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* What a container uses of its host, as EngineVTable in core/ports.h says. */
int engine_container_usage(EngineClient *c, const char *name, uint64_t timeout_usec, ContainerUsageDone done,
                void *userdata, Pending **ret_pending);

/* The parts of that, for tests: what an inspection tells (limits, whether and since when it runs), and what the
 * statistics tell. What is missing there, or of another type, is left as it was. */
void engine_usage_take_container(struct json_object *container, ContainerUsage *usage);
void engine_usage_take_stats(struct json_object *stats, ContainerUsage *usage);
