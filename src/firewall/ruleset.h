/* SPDX-License-Identifier: MIT */
#pragma once

/* The kernel's ruleset, through libnftables: no process is started. Each call is one transaction or none. */

/* Puts text (as of nft -f) into force. -EIO where the kernel or libnftables refuses, and *ret_reason (may be NULL) has
 * the line that says why. */
int ruleset_load(const char *text, char **ret_reason);

/* The same without putting it into force. */
int ruleset_check(const char *text, char **ret_reason);

/* How the kernel shows a table ("inet arkd"), without counters. -ENOENT where it is not there. */
int ruleset_list_table(const char *table, char **ret_text);
