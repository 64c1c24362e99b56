/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"

/* The engine is on this host: the first of its interfaces with an address in the IPv4 network. 1, 0 or -errno. */
int engine_interface_find(const char *subnet, char ret_name[INTERFACE_NAME_MAX]);
