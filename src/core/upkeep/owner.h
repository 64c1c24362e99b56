/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/ports.h"
#include "core/registry/context.h"

/* Whether somebody owns it, or may: what a damaged record may stand for is protected. */
bool resource_has_owner(Manager *manager, const Resource *resource);
