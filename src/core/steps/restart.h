/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/plan.h"

/* The steps that start an instance again, with whatever of it has to be made anew. */
extern const Plan restart_plan;
