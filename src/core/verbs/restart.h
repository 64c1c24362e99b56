/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

void run_restart_instance(Request *request);
