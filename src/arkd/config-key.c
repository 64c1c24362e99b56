/* SPDX-License-Identifier: MIT */
#include "arkd/config-key.h"

#include <errno.h>
#include <stddef.h>
#include <strings.h>

#include "auth/auth.h"
#include "auth/network.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/time-util.h"
#include "core/model/address-pool.h"
#include "core/model/instance-url.h"
#include "core/model/limits.h"
#include "core/model/product.h"
#include "core/model/user-range.h"
#include "glue/redis-glue.h"

#define MIB (UINT64_C(1) << 20)

/* Less than that keeps nothing that helps. */
#define LOG_MIN (UINT64_C(64) << 10)
#define LOG_MAX (UINT64_C(64) << 30)

/* ---- Values ---- */

static int config_string(const char *value, void *target)
{
        return *value ? free_and_strdup(target, value) : -EINVAL;
}

static int config_url(const char *value, void *target)
{
        _cleanup_free_ char *copy = NULL;
        char **url = target;

        if (!*value) {
                *url = mfree(*url);
                return 0;
        }
        if (!auth_url_is_valid(value))
                return -EINVAL;
        copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        for (size_t n = strlen(copy); n > 0 && copy[n - 1] == '/'; n--)
                copy[n - 1] = '\0';
        if (strchr(strstr(copy, "://") + strlen("://"), '/'))
                return -EINVAL;
        free(*url);
        *url = TAKE_PTR(copy);
        return 0;
}

/* The other two ports serve operators; with that of the landing page there is one address for all. */
static int config_applications_port(const char *value, void *target)
{
        unsigned port;

        if (parse_unsigned(value, &port) < 0 || port < 1 || port > UINT16_MAX || port == 3001 ||
                        port == 5050)
                return -EINVAL;
        *(unsigned *) target = port;
        return 0;
}

static int config_web_port(const char *value, void *target)
{
        unsigned port = 0;

        if (*value && (config_applications_port(value, &port) < 0 || port == LANDING_PORT))
                return -EINVAL;
        *(unsigned *) target = port;
        return 0;
}

static int config_path(const char *value, void *target)
{
        return value[0] == '/' ? free_and_strdup(target, value) : -EINVAL;
}

static int config_list(const char *value, void *target)
{
        char ***list = target, **words;
        int r;

        r = strv_split(value, ", \t", &words);
        if (r < 0)
                return r;
        strv_free(*list);
        *list = words;
        return 0;
}

static int config_networks(const char *value, void *target)
{
        _cleanup_(strv_freep) char **words = NULL;
        Network network;
        int r;

        r = config_list(value, &words);
        for (char **word = words; r >= 0 && *word; word++)
                r = network_parse(*word, &network);
        if (r < 0)
                return r;
        strv_free(*(char ***) target);
        *(char ***) target = TAKE_PTR(words);
        return 0;
}

static int config_pool(const char *value, void *target)
{
        _cleanup_(address_pool_freep) AddressPool *pool = NULL;
        int r;

        r = address_pool_new(value, &pool);
        return r < 0 ? r : free_and_strdup(target, value);
}

static int config_redis(const char *value, void *target)
{
        return redis_address_is_valid(value) ? free_and_strdup(target, value) : -EINVAL;
}

static int config_unsigned(const char *value, void *target)
{
        return parse_unsigned(value, target);
}

static int config_positive(const char *value, void *target)
{
        unsigned n;
        int r;

        r = parse_unsigned(value, &n);
        if (r < 0)
                return r;
        if (n == 0)
                return -ERANGE;
        *(unsigned *) target = n;
        return 0;
}

/* At most as many as one bridge takes without misbehaving. */
static int config_max_running(const char *value, void *target)
{
        unsigned n;

        if (parse_unsigned(value, &n) < 0 || n < 1 || n > 1000)
                return -EINVAL;
        *(unsigned *) target = n;
        return 0;
}

/* At most as many as arkd-nginx.service has descriptors for, at two each. */
static int config_connections_max(const char *value, void *target)
{
        unsigned n;

        if (parse_unsigned(value, &n) < 0 || n < 100 || n > 60000)
                return -EINVAL;
        *(unsigned *) target = n;
        return 0;
}

/* Docker knows no shorter time than a second; an hour is more than any database should need. */
static int config_stop(const char *value, void *target)
{
        unsigned n;

        if (parse_unsigned(value, &n) < 0 || n < 1 || n > 3600)
                return -EINVAL;
        *(unsigned *) target = n;
        return 0;
}

static int config_days(const char *value, void *target)
{
        unsigned days;

        if (parse_unsigned(value, &days) < 0 || days > EXPIRES_MAX_DAYS)
                return -EINVAL;
        *(uint64_t *) target = days * USEC_PER_DAY;
        return 0;
}

static int config_bool(const char *value, void *target)
{
        static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off",
                "0" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
                        *(bool *) target = strcasecmp(value, yes[i]) == 0;
                        return 0;
                }
        return -EINVAL;
}

/* 0 is no limit. The engine refuses less than 6 MiB. */
static int config_memory(const char *value, void *target)
{
        uint64_t bytes;
        int r;

        r = parse_size(value, &bytes);
        if (r < 0)
                return r;
        if (bytes > INT64_MAX || (bytes > 0 && bytes < 6 * MIB))
                return -ERANGE;
        *(uint64_t *) target = bytes;
        return 0;
}

static int config_cpus(const char *value, void *target)
{
        return parse_cpu_count(value, target);
}

static int config_pids(const char *value, void *target)
{
        uint64_t n;

        if (parse_u64(value, &n) < 0 || n > PIDS_MAX)
                return -EINVAL;
        *(uint64_t *) target = n;
        return 0;
}

static int config_files(const char *value, void *target)
{
        uint64_t n;

        if (parse_u64(value, &n) < 0 || n > FILES_MAX || (n > 0 && n < FILES_MIN))
                return -EINVAL;
        *(uint64_t *) target = n;
        return 0;
}

static int config_log_max(const char *value, void *target)
{
        uint64_t bytes;

        if (parse_size(value, &bytes) < 0 || bytes < LOG_MIN || bytes > LOG_MAX)
                return -EINVAL;
        *(uint64_t *) target = bytes;
        return 0;
}

static int config_users(const char *value, void *target)
{
        return user_range_parse(value, target);
}

static int config_size(const char *value, void *target)
{
        return parse_size(value, target);
}

static int config_percent(const char *value, void *target)
{
        unsigned percent;

        if (parse_unsigned(value, &percent) < 0 || percent > 100)
                return -EINVAL;
        *(unsigned *) target = percent;
        return 0;
}

static int config_log_level(const char *value, void *target)
{
        int level = log_level_from_string(value);

        if (level < 0)
                return level;
        *(int *) target = level;
        return 0;
}

/* ---- Keys ---- */

#define URL_EXPECTED                                                                                        \
        "an http:// or https:// URL with a host and no path (pages and links begin at its root), of "       \
        "letters, "                                                                                         \
        "digits and " AUTH_URL_MARKS " alone"

#define FIELD(member) offsetof(Config, member)

static const ConfigKey config_keys[] = {
        { "BaseURL", config_url, FIELD(base_url), URL_EXPECTED },
        { "ApplicationsPort", config_applications_port, FIELD(applications.port),
                        "a port from 1 to 65535 other than 3001 and 5050" },
        { "ApplicationsURL", config_url, FIELD(applications.url), URL_EXPECTED },
        { "WebPort", config_web_port, FIELD(web_port),
                        "empty, or a port from 1 to 65535 other than 3000, 3001 and 5050" },
        { "Redis", config_redis, FIELD(redis), "a socket's path, or address:port with a numeric address" },
        { "Engine", config_path, FIELD(engine), "the path of Docker's socket" },
        { "Tailscale", config_path, FIELD(tailscale), "the path of tailscaled's socket" },
        { "SubnetPool", config_pool, FIELD(subnet_pool),
                        "an IPv4 network of /12 to /19, outside 100.64.0.0/10" },
        { "Deployment", config_string, FIELD(deployment), "a name" },
        { "VisitorNetworks", config_networks, FIELD(visitor_networks),
                        "networks such as 10.0.0.0/8 or fd00::/8" },
        { "InstanceNetworks", config_networks, FIELD(instance_networks),
                        "networks such as 10.0.0.0/8 or fd00::/8" },
        { "TrustedProxies", config_networks, FIELD(trusted_proxies), "networks such as 127.0.0.0/8 or ::1" },
        { "AllowFunnel", config_bool, FIELD(allow_funnel), "yes or no" },
        { "AllowedHosts", config_list, FIELD(allowed_hosts), "host names" },
        { "ExpiresDays", config_days, FIELD(expires_usec), "a number of days up to 36500" },
        { "TombstoneDays", config_days, FIELD(tombstone_usec), "a number of days up to 36500" },
        { "MaxRunning", config_max_running, FIELD(max_running), "a number from 1 to 1000" },
        { "StopTimeout", config_stop, FIELD(stop_s), "a number of seconds from 1 to 3600" },
        { "DatabaseStopTimeout", config_stop, FIELD(database_stop_s), "a number of seconds from 1 to 3600" },
        { "Workers", config_positive, FIELD(workers), "a number of at least 1" },
        { "QueueMax", config_positive, FIELD(queue_max), "a number of at least 1" },
        { "DefaultMemory", config_memory, FIELD(limits.app.memory),
                        "0, or a size of at least 6M: " SIZE_FORMS },
        { "DefaultDatabaseMemory", config_memory, FIELD(limits.database.memory),
                        "0, or a size of at least 6M: " SIZE_FORMS },
        { "DefaultCPUs", config_cpus, FIELD(limits.app.nano_cpus), "0, or a number from 0.01 to 1024" },
        { "DefaultPids", config_pids, FIELD(limits.app.pids), "a number up to 4194304" },
        { "DefaultFiles", config_files, FIELD(limits.app.files), "0, or a number from 64 to 1048576" },
        { "UserRange", config_users, FIELD(users), "two user ids such as 20000-59999, from 1000 to 65533" },
        { "MinFreeDisk", config_size, FIELD(admission.disk), "0, or a size: " SIZE_FORMS },
        { "MinFreeMemory", config_size, FIELD(admission.memory), "0, or a size: " SIZE_FORMS },
        { "MaxPressure", config_percent, FIELD(admission.pressure), "a percentage from 0 to 100" },
        { "LogMax", config_log_max, FIELD(limits.log), "a size from 64K to 64G: " SIZE_FORMS },
        { "RetryMax", config_positive, FIELD(retry_max), "a number of at least 1" },
        { "QuotaTotal", config_unsigned, FIELD(quota_total), "a number" },
        { "QuotaPerIdentity", config_unsigned, FIELD(quota_identity), "a number" },
        { "QuotaPerMinute", config_unsigned, FIELD(quota_rate), "a number" },
        { "ConnectionsMax", config_connections_max, FIELD(connections_max), "a number from 100 to 60000" },
        { "ConnectionsPerVisitor", config_positive, FIELD(connections_visitor), "a number of at least 1" },
        { "ConnectionsPerInstance", config_positive, FIELD(connections_instance), "a number of at least 1" },
        { "RequestsPerSecond", config_positive, FIELD(requests_rate), "a number of at least 1" },
        { "OutwardConnections", config_unsigned, FIELD(outward_connections), "a number" },
        { "RequireFirewall", config_bool, FIELD(require_firewall), "yes or no" },
        { "LogLevel", config_log_level, FIELD(log_level), "a level such as info or debug" },
};

const ConfigKey *config_key_find(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(config_keys); i++)
                if (streq(config_keys[i].name, name))
                        return config_keys + i;
        return NULL;
}

bool config_key_is_list(const ConfigKey *key)
{
        return key->parse == config_list || key->parse == config_networks;
}

int config_key_set(const ConfigKey *key, const char *value, Config *config)
{
        return key->parse(value, (char *) config + key->offset);
}
