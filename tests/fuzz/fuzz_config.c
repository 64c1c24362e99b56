/* SPDX-License-Identifier: MIT */

/* The configuration file. */

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arkd/arkd-config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Config config = {};
        char path[64];
        int fd;

        fuzz_quiet();
        fd = memfd_create("arkd.conf", MFD_CLOEXEC);
        assert(fd >= 0 && write(fd, data, size) == (ssize_t) size);
        (void) snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (config_load(path, "/nonexistent", &config) >= 0)
                config_done(&config);
        (void) close(fd);
        return 0;
}
