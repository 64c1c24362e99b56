/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

void run_get_instance(Request *request);
void run_list_instances(Request *request);
