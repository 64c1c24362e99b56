/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/objects.h"

/* Puts the object of org.freedesktop.LogControl1(5) on the bus, which "systemctl service-log-level" speaks. 0 or what
 * sd-bus answers. */
int bus_log_control_register(BusApi *api);
