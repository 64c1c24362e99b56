/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "core/registry/context.h"

/*
 * The connection to the system bus. It is made from the loop and made again whenever it breaks; without a bus, arkd
 * serves HTTP all the same.
 */
typedef struct BusLink BusLink;

/* The manager must outlive it. 0 or negative errno; that the bus is away is no failure. */
int bus_link_new(sd_event *event, Manager *manager, BusLink **ret);
BusLink *bus_link_free(BusLink *link);
DEFINE_CLEANUP_FUNC(BusLink, bus_link_free);
