/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How a deploy goes, on standard error: on a terminal a bar that is redrawn, with the phases that are over above it;
 * elsewhere a line whenever phase or message changes.
 */
typedef struct Progress {
        bool live, quiet;
        bool drawn; /* the bar stands on the current line */
        char *phase, *message;
        double fraction;
        uint64_t began_usec, phase_began_usec; /* CLOCK_MONOTONIC */
} Progress;

void progress_begin(Progress *progress, bool quiet);
/* Tells of the present phase and message. Both are copied. */
void progress_update(Progress *progress, const char *phase, const char *message, double fraction);
/* Draws the bar again, with the time that has passed. */
void progress_tick(Progress *progress);
/* Ends it; the last phase was reached where it succeeded. */
void progress_end(Progress *progress, bool success);
/* Forgets it, saying nothing. */
void progress_done(Progress *progress);
/* Takes the bar away, so that something else can be said. */
void progress_clear(Progress *progress);

/* The bar with what belongs to it, cut to so many columns. NULL when out of memory. */
char *progress_line(double fraction, const char *phase, const char *message, uint64_t elapsed_usec,
                size_t columns, bool utf8);
