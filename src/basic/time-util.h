/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <time.h>

#define USEC_PER_MSEC   UINT64_C(1000)
#define USEC_PER_SEC    (1000 * USEC_PER_MSEC)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR   (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY    (24 * USEC_PER_HOUR)

/* Microseconds of CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_MONOTONIC. */
uint64_t now_realtime(void);
uint64_t now_boottime(void);
uint64_t now_monotonic(void);

/* What has passed; 0 where the clock was set back meanwhile. */
static inline uint64_t usec_between(uint64_t from, uint64_t to)
{
        return to > from ? to - from : 0;
}

/* The last moment that RFC 3339 can tell, whose years have four digits: the end of 9999. */
#define TIMESTAMP_USEC_MAX UINT64_C(253402300799999999)
/* Room for a timestamp and its NUL: 2026-11-24T14:53:18.000000Z */
#define TIMESTAMP_MAX 32

/* RFC 3339 in UTC with microseconds, up to TIMESTAMP_USEC_MAX. Answers buffer. */
const char *format_timestamp(uint64_t usec, char buffer[TIMESTAMP_MAX]);
/*
 * Parses a time of RFC 3339, such as format_timestamp() writes: records may have been edited by hand, with tools that
 * write "+00:00" for "Z". The fraction is optional, and cut off at microseconds. 0 or -EINVAL.
 */
int parse_timestamp(const char *s, uint64_t *ret_usec);
