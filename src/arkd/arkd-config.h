/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "basic/string-util.h"
#include "core/model/instance-url.h"
#include "core/model/limits.h"
#include "core/model/user-range.h"
#include "core/registry/admission.h"

/* What arkd.conf(5) describes. */
typedef struct Config {
        char *base_url; /* NULL: the tailnet's name, or http://localhost:3000 */
        ApplicationsAddress applications;
        unsigned web_port; /* at which a URL without a port arrives; 0: none of ours */
        char *redis;
        char *engine; /* Docker's socket */
        char *tailscale; /* tailscaled's socket */
        char *subnet_pool;
        char *deployment; /* NULL: from the machine's id */
        char **visitor_networks; /* NULL: auth's default */
        char **instance_networks; /* NULL: visitor_networks */
        char **trusted_proxies; /* NULL: auth's default */
        bool allow_funnel;
        char **allowed_hosts;
        uint64_t expires_usec; /* 0: never */
        uint64_t tombstone_usec;
        unsigned max_running;
        unsigned stop_s, database_stop_s;
        unsigned workers;
        unsigned queue_max;
        unsigned retry_max;
        unsigned quota_total, quota_identity, quota_rate;
        unsigned connections_max, connections_visitor, connections_instance;
        unsigned requests_rate; /* of one visitor to the API, a second */
        unsigned outward_connections; /* 0: any number */
        bool require_firewall;
        AdmissionBounds admission; /* what the host must have left */
        UserRange users; /* for applications that get a user id of their own */
        InstanceLimits limits; /* of containers whose product leaves them out */
        int log_level; /* negative: not set */
} Config;

/*
 * Reads file (which may be missing), then the *.conf files of directory in the order of their names, then $BASE_URL.
 * An unknown key is warned of; a bad value is refused with -EINVAL. Both name file and line in the log.
 */
int config_load(const char *file, const char *directory, Config *ret);
/* What holds where no file says otherwise. */
int config_load_defaults(Config *ret);
void config_done(Config *config);
