/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/registry/context.h"

/* What could not be loaded. */

/* What there was no memory for is no damage: all is read again later. Answers whether r is that. */
bool load_is_starved(Manager *manager, int r);
/* A record that stays in the store, but cannot be read: of that kind ("product") and id. */
void load_note_damage(Manager *manager, const char *kind, const char *id);
/* The same of an instance's: what it has in the engine is not touched. */
void load_damaged(Manager *manager, const char *kind, const char *instance_id);
