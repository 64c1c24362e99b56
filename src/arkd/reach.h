/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkd/arkd-config.h"

/*
 * arkd.service lets arkd connect to this host and to private networks only (IPAddressAllow=). Warns of what is
 * configured beyond them. Answers how many such things there are.
 */
unsigned reach_check(const Config *config);
