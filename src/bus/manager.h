/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/objects.h"

/* The object of network.ark.Deploy1.Manager, which has the object manager. */

/* Puts it on the bus. 0 or what sd-bus answers. */
int bus_manager_register(BusApi *api);

/* Signals what has changed of its properties. A signal that cannot be sent is logged. */
void bus_manager_update(BusApi *api);
