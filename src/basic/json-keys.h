/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "basic/macro.h"

/*
 * Looks in a JSON text that json-c has taken, of ASCII alone and with a NUL at its end, for an object that has a key twice;
 * json-c silently keeps the last. -EINVAL where there is one: ret_reason, the caller's to free, names it by its path, and
 * ret_offset is where it stands the second time. -ENOMEM.
 */
int json_check_keys(const char *text, char **ret_reason, size_t *ret_offset);
