/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* Whose a volume is: the engine tells it, and is told it, by the archive of the place where it is mounted. The container
 * must be there. As EngineVTable in core/ports.h says; -EINVAL for a path without a slash. */
int engine_volume_give(EngineClient *c, const char *container, const char *path, uint32_t uid, bool filled,
                uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending);
