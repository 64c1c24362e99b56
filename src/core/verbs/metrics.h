/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

void run_get_metrics(Request *request);
