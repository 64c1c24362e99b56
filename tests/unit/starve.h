/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "basic/macro.h"

/*
 * Memory that runs out at one moment. Tests that link starve_wraps.c with its --wrap options have each call of ours that
 * allocates, in the C library or behind a library's function, counted while the code under test runs: INSIDE. What a
 * test and its fakes allocate for themselves is not: that is the default, and OUTSIDE within calls that come from
 * inside.
 */

/* Lets the n-th call from now fail, counted from 1; the ones after it succeed again. 0: counts, and lets none fail. */
void starve_at(size_t n);
/* Ends that. True where one has failed. */
bool starve_end(void);
/* How many were counted since starve_at(). */
size_t starve_count(void);
/* The function that failed last. */
const char *starve_what(void);

/* For wrappers: whether this call fails. */
bool starve_now(const char *what);

bool starve_enter(bool inside);
void starve_leave(const bool *before);

#define INSIDE  _cleanup_(starve_leave) const bool starve_inside_ _unused_ = starve_enter(true)
#define OUTSIDE _cleanup_(starve_leave) const bool starve_outside_ _unused_ = starve_enter(false)
