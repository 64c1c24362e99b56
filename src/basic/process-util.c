/* SPDX-License-Identifier: MIT */
#include "basic/process-util.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "basic/parse.h"
#include "basic/string-util.h"

int proc_read(const char *path, char *buffer, size_t size)
{
        FILE *file = fopen(path, "re");
        size_t n;

        if (!file)
                return -errno;
        n = fread(buffer, 1, size - 1, file);
        buffer[n] = '\0';
        (void) fclose(file);
        return n > 0 ? 0 : -EIO;
}

/* The name, in parentheses, may hold anything; what follows are numbers. */
static int parse_stat(const char *stat, ProcessUsage *usage)
{
        const char *rest = strrchr(stat, ')');
        uint64_t user, system, pages;

        if (!rest || sscanf(rest + 1,
                                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                                     " %*d %*d %*d %*d %*d %*d %*u %" SCNu64 " %" SCNu64,
                                     &user, &system, &usage->virtual, &pages) != 4)
                return -EINVAL;
        usage->cpu_s = (double) (user + system) / (double) sysconf(_SC_CLK_TCK);
        usage->resident = pages * (uint64_t) sysconf(_SC_PAGESIZE);
        return 0;
}

static int count_fds(uint64_t *ret)
{
        DIR *dir = opendir("/proc/self/fd");
        uint64_t n = 0;

        if (!dir)
                return -errno;
        for (struct dirent *entry; (entry = readdir(dir));)
                n += entry->d_name[0] != '.';
        (void) closedir(dir);
        *ret = n - 1; /* without the one that was just read with */
        return 0;
}

int process_read_usage(ProcessUsage *ret)
{
        ProcessUsage usage = { 0 };
        struct rlimit limit;
        char stat[1024];
        int r;

        r = proc_read("/proc/self/stat", stat, sizeof stat);
        if (r >= 0)
                r = parse_stat(stat, &usage);
        if (r >= 0)
                r = count_fds(&usage.fds);
        if (r >= 0 && getrlimit(RLIMIT_NOFILE, &limit) < 0)
                r = -errno;
        if (r < 0)
                return r;
        usage.fds_max = limit.rlim_cur;
        *ret = usage;
        return 0;
}

int meminfo_find(const char *text, const char *field, uint64_t *ret_bytes)
{
        for (const char *line = text; line; line = strchr(line, '\n')) {
                _cleanup_free_ char *number = NULL;
                const char *rest;
                uint64_t kib;

                line += *line == '\n';
                rest = startswith(line, field);
                if (!rest)
                        continue;
                rest += strspn(rest, " ");
                number = strndup(rest, strspn(rest, "0123456789"));
                if (!number)
                        return -ENOMEM;
                if (parse_u64(number, &kib) < 0 || kib > UINT64_MAX / 1024)
                        return -EINVAL;
                *ret_bytes = kib * 1024;
                return 0;
        }
        return -ENOENT;
}
