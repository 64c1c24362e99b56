/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* A container's output, as EngineVTable in core/ports.h says; no more of it than ENGINE_LOG_MAX or twice that. */

/* The last lines. */
int engine_container_logs(EngineClient *c, const char *name, unsigned lines, uint64_t timeout_usec,
                LogsDone done, void *userdata, Pending **ret_pending);

/* Lines with their times: the last ones, or where from is not NULL the first ones after that place, -EINVAL where it is
 * none. */
int engine_container_log_since(EngineClient *c, const char *name, const LogPlace *from, unsigned lines,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending);
