/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdio.h>

#include "firewall/rules.h"

/*
 * Writes the chain that bounds how many connections one visitor has to the web server. nginx counts requests; this
 * counts also who has begun none yet, or sends its head without end.
 */
void visitor_rules_put(FILE *f, const RuleFacts *facts);
