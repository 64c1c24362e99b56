/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-bus.h>

#include "core/registry/context.h"

/*
 * The D-Bus face of arkd: network.ark.Deploy1.Manager with its object manager, an object an instance and a product,
 * and org.freedesktop.LogControl1. Everything is asynchronous; nothing here waits for the bus.
 */
typedef struct BusApi BusApi;

/* Puts the objects on a bus connection that is attached to the manager's event loop. Takes a reference on bus; the
 * manager must outlive it. A connection that breaks is replaced by freeing this and making it anew.
 * 0, -ENOMEM or what sd-bus answers. */
int bus_api_new(sd_bus *bus, Manager *manager, BusApi **ret);

/* Takes the objects off the bus. Calls in flight are dropped without a reply; jobs they have started go on. */
BusApi *bus_api_free(BusApi *api);
DEFINE_CLEANUP_FUNC(BusApi, bus_api_free);
