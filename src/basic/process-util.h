/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Reads what is at the beginning of a file under /proc, which has no size to read by, as a string of less than size
 * bytes. 0 or negative errno; -EIO where it is empty. */
int proc_read(const char *path, char *buffer, size_t size);

/* What this process uses. */
typedef struct ProcessUsage {
        double cpu_s; /* of all processors, since it was started */
        uint64_t resident, virtual; /* bytes */
        uint64_t fds, fds_max;
} ProcessUsage;

/* Reads it from /proc. 0 or negative errno. */
int process_read_usage(ProcessUsage *ret);

/* "MemAvailable:" and the like of /proc/meminfo, in bytes. -ENOENT where text does not have it. */
int meminfo_find(const char *text, const char *field, uint64_t *ret_bytes);
