/* SPDX-License-Identifier: MIT */
#pragma once

#include "store/link.h"

/* What keeps a new connection from being overtaken by what was sent on those before it. */

/* Our name among the clients of Redis, by which later connections know this one. A new string in place of *ret; 0,
 * -ENOMEM, or what sd-bus answers. */
int store_fence_name(const char *deployment, char **ret);

/* Ends the connections before this one, takes the name, then calls s->on_fenced. What goes wrong later breaks the
 * connection. 0, or what sending answered. */
int store_fence_start(Store *s);
