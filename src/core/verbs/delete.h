/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

void run_delete_instance(Request *request);
