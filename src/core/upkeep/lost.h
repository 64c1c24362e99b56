/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"

/* Takes in which volumes of instances are gone, from a list of all resources. */
void lost_update(Manager *manager, const Resource *items, size_t n);
/* What the instance had lost is nobody's any more. */
void lost_forget(Manager *manager, const Instance *instance);
/* The first of the volumes of the container of that role that is gone, or NULL. */
const char *lost_of(Manager *manager, const Instance *instance, const char *role);

/* Names, in their order, of the volumes of instances that are gone, with their data; NULL-terminated, or NULL where there
 * are none. The manager owns them. */
char *const *manager_lost_volumes(const Manager *manager);
