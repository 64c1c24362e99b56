/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* Creates a container, with the request that engine/container-spec.h makes of the specification. As EngineVTable in
 * core/ports.h says; -EINVAL for names that the engine would not take. */
int engine_container_create(EngineClient *c, const ContainerSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
