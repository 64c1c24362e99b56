/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* What this process uses. */
typedef struct ProcessUsage {
        double cpu_s; /* of all processors, since it was started */
        uint64_t resident, virtual; /* bytes */
        uint64_t fds, fds_max;
} ProcessUsage;

/* Reads it from /proc. 0 or negative errno. */
int process_read_usage(ProcessUsage *ret);
