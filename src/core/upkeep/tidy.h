/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/context.h"

/* Takes away what failed creates have left behind. How they failed stays. */
void job_tidy_all(Manager *manager);
