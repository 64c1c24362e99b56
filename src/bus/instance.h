/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/objects.h"
#include "core/model/instance.h"

/* The objects of network.ark.Deploy1.Instance: one for each instance that is not deleted. */

/* Puts them on the bus. 0 or what sd-bus answers. */
int bus_instance_register(BusApi *api);

/* Lets an instance have an object, and announces it where signal says so. Nothing happens to one that has it already, or
 * is deleted. 0, -ENOMEM, or what sd-bus answers. */
int bus_instance_add(BusApi *api, const Instance *instance, bool signal);

/* Signals what has changed since the last signal. One that has no object gets it. Failures are logged. */
void bus_instance_change(BusApi *api, const Instance *instance);

/* Signals its last changes and its end, and takes the object away. Failures are logged. */
void bus_instance_remove(BusApi *api, Instance *instance);

/* Frees an entry of api->instances, for the table. */
void bus_instance_entry_free(struct lh_entry *entry);
