/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/hooks.h"

/* What the rooms ask of those above them, and of their neighbours. */
extern const ManagerHooks manager_hooks;
