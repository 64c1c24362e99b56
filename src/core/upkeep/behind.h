/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"
#include "core/registry/context.h"

/*
 * What an older store has under way may be long past: of an instance that it has as being made, customers have had their
 * data in for an hour. None of its jobs goes on. What has a compose file is unknown (unknown.h): it is left as it is, and
 * taken back by that. What has none and is not in the engine, either, goes on as usual: there is nothing to lose.
 */

/* The store has been read, and is behind; before the jobs that it has are run. */
void behind_take_jobs(Manager *manager);

/* A list of all that the engine has. How many instances are still neither to go on nor to be taken back; until an
 * operator deletes those, or restores a newer store, nothing is done with them. */
size_t behind_update(Manager *manager, const Resource *items, size_t n);
