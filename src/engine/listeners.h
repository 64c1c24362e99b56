/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"
#include "engine/client.h"

/*
 * Reads what /proc/net/tcp and /proc/net/tcp6 say, one after the other, and answers how many ports somebody listens on,
 * LISTENERS_MAX at the most. Lines that it does not understand are passed over. The engine's own name server, which is in
 * every container of a network, is left out.
 */
size_t engine_listeners_parse(const char *text, Listener ret[LISTENERS_MAX]);

/* What a container listens on, as container_listeners in core/ports.h says. */
int engine_container_listeners(EngineClient *c, const char *name, uint64_t timeout_usec, ListenersDone done,
                void *userdata, Pending **ret_pending);
