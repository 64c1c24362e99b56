/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/context.h"

typedef struct Rewrite Rewrite;

/* Has the store hold what is known here, and nothing else: it was emptied, or replaced by an older copy of itself. */
void rewrite_start(Manager *manager);
void rewrite_cancel(Manager *manager);
