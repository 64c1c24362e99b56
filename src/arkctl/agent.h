/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

/* Lets polkit ask for a password on this terminal while arkctl runs (pkttyagent), where an ordinary user could be
 * asked. Without the agent polkit refuses instead. */
void agent_open(Ctl *ctl);
void agent_close(Ctl *ctl);
