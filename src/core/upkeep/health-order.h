/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/upkeep/health.h"

/* Where the order must be looked into. */
void health_begin_order(InstanceHealth *health);

/* Begins a round with it: whether its database came first. Calls ordered() when that is done with: whether it answers is to
 * be asked next, or not in this round. 0, or a negative errno where nothing is under way. */
int health_ask_order(InstanceHealth *health);

/* What the application answered, see ProbeVTable.http_get. True where it is being started again: ordered() is called. */
bool health_settle_order(InstanceHealth *health, int error);
