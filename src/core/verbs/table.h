/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/verb.h"

/* All verbs; ends with a NULL name. */
extern const Action action_table[];

/* Finds one by its bus name; NULL where there is none. */
const Action *action_find(const char *name);
