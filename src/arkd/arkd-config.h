/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "basic/string-util.h"

/* What arkd.conf(5) describes. */
typedef struct Config {
        char *base_url; /* NULL: the tailnet's name, or http://localhost:3000 */
        char *redis;
        char *engine; /* Docker's socket */
        char *tailscale; /* tailscaled's socket */
        char *subnet_pool;
        char *deployment; /* NULL: from the machine's id */
        char **visitor_networks; /* NULL: auth's default */
        char **allowed_hosts;
        uint64_t expires_usec; /* 0: never */
        uint64_t tombstone_usec;
        unsigned max_running;
        unsigned workers;
        unsigned queue_max;
        unsigned retry_max;
        unsigned quota_total, quota_identity, quota_rate;
        int log_level; /* negative: not set */
} Config;

/*
 * Reads file (which may be missing), then the *.conf files of directory in the order of their names, then $BASE_URL.
 * An unknown key is warned of; a bad value is refused with -EINVAL. Both name file and line in the log.
 */
int config_load(const char *file, const char *directory, Config *ret);
void config_done(Config *config);
