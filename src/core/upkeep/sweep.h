/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/context.h"

/* What carries this deployment's labels without belonging to an instance is removed, but for volumes, which may hold data
 * and are reported only. */

/* Looks at everything; when the engine (or the store) has come back. */
void sweep_all(Manager *manager);
/* Looks at what the engine has, and whether it belongs to somebody. */
void sweep_run(Manager *manager);
/* The same in a while: the engine may still be at work on what it did not answer for. */
void sweep_later(Manager *manager);
void sweep_cancel(Manager *manager);
