/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "core/ports.h"
#include "glue/curl-glue.h"

/* The Docker Engine behind the port of core/ports.h, over its unix socket. */
typedef struct Engine Engine;

#define ENGINE_SOCKET_DEFAULT "/run/docker.sock"

/*
 * Makes it, and begins to connect; it goes on trying for as long as it lives, and calls made meanwhile fail with
 * -ENOTCONN by themselves. deployment is the value of the deployment label: what carries another, or none, is never
 * changed nor removed. Loop and glue are the caller's and outlive it. 0 or negative errno.
 */
int engine_new(sd_event *event, CurlGlue *glue, const char *socket_path, const char *deployment,
                Engine **ret);

/* Frees it; all calls must have ended or been cancelled before. Not from within a callback of it. */
Engine *engine_free(Engine *engine);
DEFINE_CLEANUP_FUNC(Engine, engine_free);

/* The port; it lives as long as the engine does. */
EnginePort *engine_port(Engine *engine);
