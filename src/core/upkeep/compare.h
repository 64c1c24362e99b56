/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"
#include "core/registry/context.h"

/* Looks at the instances that a list of all resources shows to differ: the engine may have kept an event to itself. */
void compare_update(Manager *manager, const Resource *items, size_t n);
