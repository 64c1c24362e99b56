/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* How much room containers and volumes take up, as EngineVTable in core/ports.h says. */
int engine_measure_sizes(EngineClient *c, uint64_t timeout_usec, SizesDone done, void *userdata,
                Pending **ret_pending);

/* What the answer to GET /system/df says of this deployment's containers and volumes, into an array whose strings are the
 * answer's. 0, -EPROTO or -ENOMEM. */
int engine_sizes_read(const EngineClient *c, struct json_object *answer, ResourceSize **ret, size_t *ret_n);
