/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* Starting, inspecting and removing containers, as EngineVTable in core/ports.h says. */

int engine_container_start(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
int engine_container_restart(EngineClient *c, const char *name, unsigned stop_timeout_s,
                uint64_t timeout_usec, PortDone done, void *userdata, Pending **ret_pending);
int engine_container_stop(EngineClient *c, const char *name, unsigned stop_timeout_s, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending);

/* Inspects it; network: the one whose address is wanted. -ENOENT where there is no such container. */
int engine_container_inspect(EngineClient *c, const char *name, const char *network, uint64_t timeout_usec,
                ContainerStateDone done, void *userdata, Pending **ret_pending);

/* Removes it, and its anonymous volumes with it. */
int engine_container_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);

/* The same, but its anonymous volumes stay, as for what takes its place. */
int engine_container_clear(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
