/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"

/*
 * A change whose commit was never answered has been refused to its caller; whatever of it arrived is taken back: the
 * store is given what is known here.
 */

/* Whether what failed so may have been done all the same. */
bool store_error_is_doubtful(int error);

/* Remembers that it is not known what the store has of an instance or product; it is given what is right when it
 * is back: the record as it is here, or none. */
void manager_doubt(Manager *manager, StoreKind kind, const char *id);
/* The same of one whose creation was taken back. Until it is settled, its idempotency key may stand for it. */
void manager_doubt_creation(Manager *manager, const Instance *instance);
/* The same after a change of a product ended so; what is doubtful already is written again after a success. */
void manager_doubt_product(Manager *manager, const char *id, int error);

bool manager_has_doubts(const Manager *manager);
bool manager_doubts_key(const Manager *manager, const char *key);

/* Gives the store what is right, as far as it is there. */
void manager_settle(Manager *manager);
void manager_settle_cancel(Manager *manager);
