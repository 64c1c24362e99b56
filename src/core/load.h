/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/context.h"

/* Reads the registry when the store is there. */
void manager_load(Manager *manager);
void manager_load_cancel(Manager *manager);
