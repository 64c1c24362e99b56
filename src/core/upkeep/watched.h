/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/model/instance.h"

/* Whether its containers are looked at: it has once been ready, and no job is at work on it. */
bool instance_is_watched(const Instance *instance);
