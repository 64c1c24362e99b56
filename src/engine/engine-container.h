/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/engine-task.h"

/* The engine's containers, as EngineVTable in core/ports.h says. */

/* Creating (engine-container.c), with the request that engine-container-spec.c makes of the specification. */
int engine_container_create(EngineClient *c, const ContainerSpec *spec, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
int engine_container_body(const ContainerSpec *spec, struct json_object **ret);
/* Fits it to what the engine offers: slices, log drivers. 0 or -ENOMEM. */
int engine_container_adapt(const EngineClient *c, struct json_object *body);
/* How a container is joined to one more network: {"Container": …, "EndpointConfig": …}. */
int engine_container_connect_body(
                const char *container, const NetworkAttachment *network, struct json_object **ret);

/* Starting, inspecting, removing (engine-container-life.c). */
int engine_container_start(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
int engine_container_restart(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
int engine_container_inspect(EngineClient *c, const char *name, const char *network, uint64_t timeout_usec,
                ContainerStateDone done, void *userdata, Pending **ret_pending);
int engine_container_remove(EngineClient *c, const char *name, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);

/* The last lines of its output; of more than 256 KiB at least the last 256, and up to twice that (engine-logs.c). */
int engine_container_logs(EngineClient *c, const char *name, unsigned lines, uint64_t timeout_usec,
                LogsDone done, void *userdata, Pending **ret_pending);
int engine_container_log_since(EngineClient *c, const char *name, const char *since, unsigned lines,
                uint64_t timeout_usec, LogsDone done, void *userdata, Pending **ret_pending);
