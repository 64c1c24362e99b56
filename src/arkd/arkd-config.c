/* SPDX-License-Identifier: MIT */
#include "arkd/arkd-config.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <systemd/sd-id128.h>

#include "arkd/config-file.h"
#include "arkd/config-key.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/model/instance-url.h"
#include "core/model/limits.h"

#define MIB           (UINT64_C(1) << 20)
#define FILES_DEFAULT 65536 /* as many as arkd.service has */

/* For an id of this deployment that does not give the machine's own away. */
#define DEPLOYMENT_APP_ID SD_ID128_MAKE(8d, 3f, 2a, 61, c0, 5e, 4b, 17, 9a, 44, 70, e8, 1b, d6, 92, 35)

/* ---- Files ---- */

static const LogContext refused = { .message_id = MESSAGE_CONFIG_REFUSED };
static const LogContext unknown = { .message_id = MESSAGE_CONFIG_UNKNOWN_KEY };

static int on_key(void *userdata, const ConfigPlace *place, const char *name, const char *value)
{
        const ConfigKey *key = config_key_find(name);

        if (!key) {
                log_full(LOG_WARNING, 0, &unknown, "%s:%u: Key %s= is not known, ignoring it", place->path,
                                place->line, name);
                return 0;
        }
        if (place->last_line > place->line && !config_key_is_list(key)) {
                log_full(LOG_ERR, 0, &refused,
                                "%s:%u: This line is no key=value, and %s= is no list that goes on",
                                place->path, place->last_line, name);
                return -EINVAL;
        }
        if (config_key_set(key, value, userdata) >= 0)
                return 0;
        log_full(LOG_ERR, 0, &refused, "%s:%u: %s=%s is not valid, it must be %s", place->path, place->line,
                        name, value, key->expected);
        return -EINVAL;
}

static int is_conf_file(const struct dirent *entry)
{
        return entry->d_name[0] != '.' && endswith(entry->d_name, ".conf") != NULL;
}

static int config_read_directory(Config *config, const char *directory)
{
        struct dirent **entries;
        int n, r = 0;

        n = scandir(directory, &entries, is_conf_file, alphasort);
        if (n < 0)
                return errno == ENOENT ? 0 : log_error_errno(errno, "%s cannot be read: %m", directory);
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = str_printf("%s/%s", directory, entries[i]->d_name);
                int k = path ? config_file_read(path, on_key, config) : -ENOMEM;

                if (k < 0)
                        r = k;
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int config_read_environment(Config *config)
{
        const ConfigKey *key = config_key_find("BaseURL");
        const char *url = getenv("BASE_URL");

        if (!url || !*url)
                return 0;
        if (config_key_set(key, url, config) >= 0)
                return 0;
        log_full(LOG_ERR, 0, &refused, "BASE_URL=%s in the environment is not valid, it must be %s", url,
                        key->expected);
        return -EINVAL;
}

static long processors(void)
{
        long n = sysconf(_SC_NPROCESSORS_ONLN);

        return n > 0 ? n : 1;
}

static int config_set_defaults(Config *config)
{
        int r;

        *config = (Config){
                .applications.port = APPLICATIONS_PORT_DEFAULT,
                .web_port = WEB_PORT_DEFAULT,
                .expires_usec = 30 * USEC_PER_DAY,
                .tombstone_usec = 30 * USEC_PER_DAY,
                .max_running = 900,
                .stop_s = 10,
                .database_stop_s = 60,
                .workers = 2 * (unsigned) processors(),
                .queue_max = 100,
                .retry_max = 5,
                .quota_total = 100,
                .quota_identity = 5,
                .quota_rate = 10,
                .connections_max = 10000,
                .connections_visitor = 1000,
                .connections_instance = 2500,
                .requests_rate = 100,
                .outward_connections = 4096,
                .require_firewall = true,
                .limits = { .app = { .memory = 1024 * MIB,
                                            .nano_cpus = LIMIT_UNSET,
                                            .pids = 512,
                                            .files = LIMIT_UNSET },
                                .database = { .memory = 512 * MIB },
                                .log = 10 * MIB },
                .users = { .first = 20000, .last = 59999 },
                .admission = { .disk = 1024 * MIB, .memory = 128 * MIB, .pressure = 60 },
                .log_level = -1,
        };
        r = free_and_strdup(&config->redis, "/run/arkd-redis/redis.sock");
        if (r >= 0)
                r = free_and_strdup(&config->engine, "/run/docker.sock");
        if (r >= 0)
                r = free_and_strdup(&config->tailscale, "/run/tailscale/tailscaled.sock");
        if (r >= 0)
                r = free_and_strdup(&config->subnet_pool, "10.231.0.0/16");
        return r;
}

/* Where this host does not let arkd have so many, it does not let the engine give them. */
static uint64_t default_files(void)
{
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) >= 0 && limit.rlim_max < FILES_DEFAULT ? limit.rlim_max
                                                                                       : FILES_DEFAULT;
}

/* Half of the processors, so that one container never stops all others; the engine refuses more than there are. */
static void config_complete_limits(Config *config)
{
        uint64_t cpus = (uint64_t) processors() * 1000000000, *wanted = &config->limits.app.nano_cpus;

        if (*wanted == LIMIT_UNSET)
                *wanted = cpus > 1000000000 ? cpus / 2 : cpus;
        else if (*wanted > cpus) {
                log_warning("DefaultCPUs= is more than the %ld processors of this host; using those",
                                processors());
                *wanted = cpus;
        }
        if (config->limits.app.files == LIMIT_UNSET)
                config->limits.app.files = default_files();
        config->limits.database.nano_cpus = config->limits.app.nano_cpus;
        config->limits.database.pids = config->limits.app.pids;
        config->limits.database.files = config->limits.app.files;
}

static int config_complete(Config *config)
{
        char text[SD_ID128_STRING_MAX];
        sd_id128_t id;
        int r;

        config_complete_limits(config);
        if (config->deployment)
                return 0;
        r = sd_id128_get_machine_app_specific(DEPLOYMENT_APP_ID, &id);
        if (r < 0)
                return log_error_errno(
                                r, "This machine has no id (/etc/machine-id); set Deployment= instead: %m");
        return free_and_strdup(&config->deployment, sd_id128_to_string(id, text));
}

int config_load(const char *file, const char *directory, Config *ret)
{
        _cleanup_(config_done) Config config = { 0 };
        int r, k;

        r = config_set_defaults(&config);
        if (r < 0)
                return r;
        /* All files are read even after an error, so that all errors are seen at once. */
        r = config_file_read(file, on_key, &config);
        k = config_read_directory(&config, directory);
        r = k < 0 ? k : r;
        k = config_read_environment(&config);
        r = k < 0 ? k : r;
        if (r >= 0)
                r = config_complete(&config);
        if (r < 0)
                return r;
        *ret = config;
        config = (Config){ 0 };
        return 0;
}

int config_load_defaults(Config *ret)
{
        _cleanup_(config_done) Config config = { 0 };
        int r = config_set_defaults(&config);

        if (r >= 0)
                r = config_complete(&config);
        if (r < 0)
                return r;
        *ret = config;
        config = (Config){ 0 };
        return 0;
}

void config_done(Config *config)
{
        free(config->base_url);
        free(config->applications.url);
        free(config->redis);
        free(config->engine);
        free(config->tailscale);
        free(config->subnet_pool);
        free(config->deployment);
        strv_free(config->visitor_networks);
        strv_free(config->instance_networks);
        strv_free(config->trusted_proxies);
        strv_free(config->allowed_hosts);
        *config = (Config){ 0 };
}
