/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/context.h"

/* Looks again at what the engine has every few minutes, and at what differs from what is remembered. */
void upkeep_start(Manager *manager);
