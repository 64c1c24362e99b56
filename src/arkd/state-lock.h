/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Makes this the only arkd of the state directory until the descriptor is closed. A second one would work on the same
 * jobs and take what the first makes for leftovers. 0; -EBUSY where another arkd has it; or a negative errno. Logged.
 */
int state_lock(const char *directory, int *ret_fd);
