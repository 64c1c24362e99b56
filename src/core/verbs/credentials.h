/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

void run_get_access(Request *request);
void run_get_credentials(Request *request);
void run_get_compose(Request *request);
