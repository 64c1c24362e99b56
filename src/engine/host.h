/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/client.h"

/* How the engine's host, which is this one, is doing. */
void engine_host_read(const EngineClient *c, HostState *ret);

/* "full avg10=12.34 …" of a file of /proc/pressure, in hundredths of a percent. 0, or -EINVAL where that is not in it. */
int engine_host_parse_pressure(const char *text, uint64_t *ret);
