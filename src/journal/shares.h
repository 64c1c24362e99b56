/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How much of the journal each instance may fill. An instance may print a burst at once, which a start or a stack trace
 * needs, and a little for ever. What is more is left out of the journal; the engine keeps the end of it.
 */
#define SHARE_BURST_LINES 10000.0
#define SHARE_BURST_BYTES (4.0 * 1024 * 1024)
#define SHARE_LINES_PER_S 50.0
#define SHARE_BYTES_PER_S (16.0 * 1024)

/* So often it is told how many lines were left out. */
#define SHARE_REPORT_USEC (10 * UINT64_C(1000000))

#define SHARE_NAME_MAX 64

typedef struct Share {
        char instance[SHARE_NAME_MAX];
        double lines, bytes; /* that may still be printed */
        uint64_t seen_usec; /* when they were counted */
        uint64_t left_out; /* lines, since the last report */
        uint64_t report_usec; /* when the next is due */
} Share;

/* More than a host has instances; of those that nobody prints for any more the oldest goes. */
#define SHARES_MAX 4096

typedef struct Shares {
        Share items[SHARES_MAX];
} Shares;

/* Whether a line of n bytes may be in the journal. now_usec: CLOCK_MONOTONIC, never 0. */
bool shares_take(Shares *shares, const char *instance, size_t n, uint64_t now_usec);

/* The next instance from *at on of which it is to be told that lines were left out, and how many; false where there is
 * none. */
bool shares_report(Shares *shares, size_t *at, uint64_t now_usec, const char **ret_instance,
                uint64_t *ret_left_out);
