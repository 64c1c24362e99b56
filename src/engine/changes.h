/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* What a container has changed in its own layer, which goes with it. As EngineVTable in core/ports.h says. */
int engine_container_changes(EngineClient *c, const char *name, uint64_t timeout_usec, ChangesDone done,
                void *userdata, Pending **ret_pending);
