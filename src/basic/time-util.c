/* SPDX-License-Identifier: MIT */
#include "basic/time-util.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint64_t now(clockid_t clock)
{
        struct timespec ts;

        (void) clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

uint64_t now_realtime(void)
{
        return now(CLOCK_REALTIME);
}

uint64_t now_boottime(void)
{
        return now(CLOCK_BOOTTIME);
}

uint64_t now_monotonic(void)
{
        return now(CLOCK_MONOTONIC);
}

const char *format_timestamp(uint64_t usec, char buffer[TIMESTAMP_MAX])
{
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        struct tm tm = { 0 };
        size_t n;

        (void) gmtime_r(&seconds, &tm);
        n = strftime(buffer, TIMESTAMP_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
        (void) snprintf(buffer + n, TIMESTAMP_MAX - n, ".%06uZ", (unsigned) (usec % USEC_PER_SEC));
        return buffer;
}

int parse_timestamp(const char *s, uint64_t *ret_usec)
{
        uint64_t fraction = 0, unit = USEC_PER_SEC / 10;
        struct tm tm = { 0 };
        long east;
        time_t seconds;

        s = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!s)
                return -EINVAL;
        if (*s == '.') {
                for (s++; isdigit((unsigned char) *s); s++, unit /= 10)
                        fraction += (uint64_t) (*s - '0') * unit;
        }
        s = strptime(s, "%z", &tm);
        if (!s || *s)
                return -EINVAL;
        east = tm.tm_gmtoff;
        seconds = timegm(&tm) - east;
        if (seconds < 0)
                return -EINVAL;
        *ret_usec = (uint64_t) seconds * USEC_PER_SEC + fraction;
        return 0;
}
