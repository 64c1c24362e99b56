/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

/* Sends what is printed from now on through a pager, where standard output is a terminal and nothing speaks against
 * it. $ARKCTL_PAGER or $PAGER names it, words separated by spaces; empty or "cat": none. */
void pager_open(Ctl *ctl);

/* Waits until the user has left it. */
void pager_close(Ctl *ctl);
