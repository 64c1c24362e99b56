/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* The engine's networks; as EngineVTable in core/ports.h says, where also the arguments are told of. */

/*
 * One that fits is adopted. One of ours that does not is made again, unless it belongs to no single instance and
 * has members (-EBUSY): they would lose it. -EADDRINUSE where the subnet overlaps another network's.
 */
int engine_network_create(EngineClient *c, const NetworkSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);

/* Disconnects by force what is still joined to it. */
int engine_network_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
