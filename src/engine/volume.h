/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* The engine's volumes, as EngineVTable in core/ports.h says. */

int engine_volume_create(EngineClient *c, const VolumeSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);

/* Tries again until the deadline while something still uses it. */
int engine_volume_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
int engine_volume_find(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
/* Nothing but the engine's own name for it says that it is one: the caller has seen it in a container of ours. */
int engine_volume_remove_anonymous(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
