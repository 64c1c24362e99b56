/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "core/registry/context.h"

/* A user id that neither this host nor another instance has. -EUSERS where there is none. */
int manager_take_uid(Manager *manager, uint32_t *ret);
