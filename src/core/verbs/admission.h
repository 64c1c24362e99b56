/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/verbs/request.h"

/* Fails the request where the host is too full or too busy for another instance. */
bool admission_check(Request *request);
