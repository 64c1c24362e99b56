/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

void run_cleanup(Request *request);
