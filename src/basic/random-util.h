/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* The alphabets of design: ids, passwords. */
#define ALPHABET_BASE32 "abcdefghijklmnopqrstuvwxyz234567"
#define ALPHABET_ALNUM  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Fills buffer with n characters of the alphabet and a final NUL, from getrandom(2), each equally likely.
 * buffer has room for n + 1. 0 or negative errno. */
int random_string(const char *alphabet, size_t n, char *buffer);
