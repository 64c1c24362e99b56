/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/plan.h"

/* All kinds of job; ends with NULL. For the roof. */
extern const Plan *const plans[];
