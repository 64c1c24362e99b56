/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* The candidate that word was most likely meant to be, or NULL where none is near. candidates: n strings, which may
 * be NULL. The answer is one of them. */
const char *suggest_nearest(const char *word, const char *const *candidates, size_t n);

/* How many characters must be typed, deleted, changed or swapped with their neighbour to make a into b; no more than
 * limit + 1 is answered. */
size_t suggest_distance(const char *a, const char *b, size_t limit);
