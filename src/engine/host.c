/* SPDX-License-Identifier: MIT */
#include "engine/host.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "basic/macro.h"
#include "basic/parse.h"
#include "basic/process-util.h"
#include "basic/string-util.h"

/* Where the unit puts what its view of /proc has not. */
#define HOST_DIR "/run/arkd/host/"

/* Where images and containers' own files are, too, since the engine keeps images in containerd's store. */
#define CONTAINERD_DIR "/var/lib/containerd"

static int read_host_file(const char *hosts, const char *own, char *buffer, size_t size)
{
        return proc_read(hosts, buffer, size) >= 0 ? 0 : proc_read(own, buffer, size);
}

static uint64_t free_at(const char *path)
{
        struct statvfs fs;

        return path && statvfs(path, &fs) >= 0 ? (uint64_t) fs.f_bavail * fs.f_frsize : USAGE_UNKNOWN;
}

/* Volumes may be on a disk of their own, below a folder that only root passes through: then it cannot be seen. */
static void read_disk(const EngineClient *c, HostState *state)
{
        const char *const paths[] = { c->root_dir, c->volumes_dir, CONTAINERD_DIR };

        state->engine_root = c->root_dir;
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                uint64_t left = free_at(paths[i]);

                if (left == USAGE_UNKNOWN || (state->disk_path && left >= state->disk_free))
                        continue;
                state->disk_path = paths[i];
                state->disk_free = left;
        }
}

int engine_host_parse_pressure(const char *text, uint64_t *ret)
{
        const char *full = strstr(text, "full avg10="), *dot;
        _cleanup_free_ char *whole = NULL;
        uint64_t percent;

        if (!full)
                return -EINVAL;
        full += strlen("full avg10=");
        dot = strchr(full, '.');
        whole = dot ? strndup(full, (size_t) (dot - full)) : NULL;
        if (!whole || parse_u64(whole, &percent) < 0 || percent > 100 || strspn(dot + 1, "0123456789") < 2)
                return -EINVAL;
        *ret = percent * 100 + (uint64_t) (dot[1] - '0') * 10 + (uint64_t) (dot[2] - '0');
        return 0;
}

void engine_host_read(const EngineClient *c, HostState *ret)
{
        char text[4096];

        *ret = (HostState){ .disk_free = USAGE_UNKNOWN,
                .memory_available = USAGE_UNKNOWN,
                .memory_pressure = USAGE_UNKNOWN };
        read_disk(c, ret);
        if (read_host_file(HOST_DIR "meminfo", "/proc/meminfo", text, sizeof text) >= 0)
                (void) meminfo_find(text, "MemAvailable:", &ret->memory_available);
        if (read_host_file(HOST_DIR "pressure-memory", "/proc/pressure/memory", text, sizeof text) >= 0)
                (void) engine_host_parse_pressure(text, &ret->memory_pressure);
}
