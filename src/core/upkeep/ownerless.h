/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"
#include "core/registry/context.h"

/* Takes in which volumes belong to nobody, from a list of all resources; tells of those that are new, and of a list that
 * is another. */
void ownerless_update(Manager *manager, const Resource *items, size_t n);
/* Has them looked at again in a while, where there are any: one that is removed by hand leaves the list then. So are the
 * volumes of instances whose containers are gone. */
void ownerless_look_later(Manager *manager);
void ownerless_done(Manager *manager);

/* Names, in their order, of the volumes that carry this deployment's labels and belong to no instance, as of the last
 * look at the engine; NULL-terminated, or NULL where there are none. The manager owns them. */
char *const *manager_ownerless_volumes(const Manager *manager);
