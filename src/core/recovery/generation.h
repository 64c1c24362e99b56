/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "core/registry/context.h"

/*
 * Whether the store has all that it was ever given. It counts its changes (see StoreGenerationHandler); the number that
 * it answered last is in a file beside the compose files, too. The file is written after the store has answered, so it
 * is never ahead of a store that forgot nothing: where it is, the store is an older copy, or was emptied. What such a
 * store does not know is not believed to be nobody's, nor what it has under way to be so still (behind.h). That it was
 * behind stays in the file until it knows of all again: its number soon catches up.
 */

/* As the store has it; while loading. */
void generation_load(Manager *manager, struct json_object *json);
/* All has been read: compares. */
void generation_judge(Manager *manager);
/* Before a load that begins anew. */
void generation_reset(Manager *manager);

/* The store has answered with it: a StoreGenerationHandler. A store that has less than it had is written again. */
void generation_on_answer(uint64_t number, bool raised, void *userdata);

/* Whether the store was behind when it was read, and there may still be something that it does not know. */
bool generation_is_behind(const Manager *manager);
/* What the store is set to once it has all again: more than it, or the file, ever had. */
uint64_t generation_next(const Manager *manager);
/* The store has that. */
void generation_set(Manager *manager, uint64_t number);
/* All that there is is known: sets the store to generation_next(). Where that fails, it is done at the next call. */
void generation_settle(Manager *manager);

/* Writes what is still to be written. */
void generation_done(Manager *manager);

/* How the store is, beside whether it is there. */
typedef struct StoreCondition {
        uint64_t found, expected; /* changes that it had, and should have, when it was read; 0 and 0: all */
        bool settled; /* … but it knows of all that there is again */
        uint64_t rewritten_usec; /* when it was last written again as it had been emptied, CLOCK_REALTIME; 0: never */
} StoreCondition;

void manager_get_store_condition(const Manager *manager, StoreCondition *ret);
