/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/engine-task.h"

/* The engine's volumes, as EngineVTable in core/ports.h says. */

int engine_volume_create(EngineClient *c, const VolumeSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);

/* Tries again until the deadline while something still uses it. */
int engine_volume_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
