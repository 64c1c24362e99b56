/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

/* Runs CreateInstance: checks, makes the record with its secrets and addresses, stores it with its job. */
void create_instance(Request *request);
