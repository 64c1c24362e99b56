/* SPDX-License-Identifier: MIT */
#include "arkd/arkd-config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <systemd/sd-id128.h>

#include "auth/auth.h"
#include "auth/network.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/parse.h"
#include "basic/time-util.h"
#include "core/address-pool.h"
#include "core/product.h"
#include "glue/redis-glue.h"

#define SECTION "arkd"

/* For an id of this deployment that does not give the machine's own away. */
#define DEPLOYMENT_APP_ID SD_ID128_MAKE(8d, 3f, 2a, 61, c0, 5e, 4b, 17, 9a, 44, 70, e8, 1b, d6, 92, 35)

/* ---- Values ---- */

typedef int (*ConfigParser)(const char *value, void *target);

static int config_string(const char *value, void *target)
{
        return *value ? free_and_strdup(target, value) : -EINVAL;
}

static int config_url(const char *value, void *target)
{
        char **url = target;
        size_t n;
        int r;

        if (!*value) {
                *url = mfree(*url);
                return 0;
        }
        if (!auth_url_is_valid(value) || strpbrk(value, " \t\"<>?#"))
                return -EINVAL;
        r = free_and_strdup(url, value);
        if (r < 0)
                return r;
        for (n = strlen(*url); n > 0 && (*url)[n - 1] == '/'; n--)
                (*url)[n - 1] = '\0';
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

static int config_days(const char *value, void *target)
{
        unsigned days;

        if (parse_unsigned(value, &days) < 0 || days > EXPIRES_MAX_DAYS)
                return -EINVAL;
        *(uint64_t *) target = days * USEC_PER_DAY;
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

#define FIELD(member) offsetof(Config, member)

static const struct {
        const char *name;
        ConfigParser parse;
        size_t offset;
        const char *expected;
} config_keys[] = {
        { "BaseURL", config_url, FIELD(base_url), "an http:// or https:// URL with a host" },
        { "Redis", config_redis, FIELD(redis), "a socket's path, or address:port with a numeric address" },
        { "Engine", config_path, FIELD(engine), "the path of Docker's socket" },
        { "Tailscale", config_path, FIELD(tailscale), "the path of tailscaled's socket" },
        { "SubnetPool", config_pool, FIELD(subnet_pool),
                        "an IPv4 network of /12 to /19, outside 100.64.0.0/10" },
        { "Deployment", config_string, FIELD(deployment), "a name" },
        { "VisitorNetworks", config_networks, FIELD(visitor_networks),
                        "networks such as 10.0.0.0/8 or fd00::/8" },
        { "AllowedHosts", config_list, FIELD(allowed_hosts), "host names" },
        { "ExpiresDays", config_days, FIELD(expires_usec), "a number of days up to 36500" },
        { "TombstoneDays", config_days, FIELD(tombstone_usec), "a number of days up to 36500" },
        { "MaxRunning", config_max_running, FIELD(max_running), "a number from 1 to 1000" },
        { "Workers", config_positive, FIELD(workers), "a number of at least 1" },
        { "QueueMax", config_positive, FIELD(queue_max), "a number of at least 1" },
        { "RetryMax", config_positive, FIELD(retry_max), "a number of at least 1" },
        { "QuotaTotal", config_unsigned, FIELD(quota_total), "a number" },
        { "QuotaPerIdentity", config_unsigned, FIELD(quota_identity), "a number" },
        { "QuotaPerMinute", config_unsigned, FIELD(quota_rate), "a number" },
        { "LogLevel", config_log_level, FIELD(log_level), "a level such as info or debug" },
};

/* ---- Files ---- */

typedef struct ConfigReader {
        Config *config;
        const char *path;
        FILE *file;
        unsigned line;
        bool goes_on; /* this line, with the value of the one before */
        char *value; /* of the key that was read last */
        int error;
} ConfigReader;

static const LogContext refused = { .message_id = MESSAGE_CONFIG_REFUSED };
static const LogContext unknown = { .message_id = MESSAGE_CONFIG_UNKNOWN_KEY };

static void refuse_value(ConfigReader *reader, const char *name, const char *value, const char *expected)
{
        log_full(LOG_ERR, 0, &refused, "%s:%u: %s=%s is not valid, it must be %s", reader->path,
                        reader->line, name, value, expected);
        reader->error = -EINVAL;
}

static int on_key(void *userdata, const char *section, const char *name, const char *value)
{
        ConfigReader *reader = userdata;

        if (!streq(section, SECTION)) {
                log_full(LOG_WARNING, 0, &unknown,
                                "%s:%u: Section [%s] is not known, ignoring %s=", reader->path, reader->line,
                                section, name);
                return 1;
        }
        for (size_t i = 0; i < ELEMENTSOF(config_keys); i++) {
                char *whole;

                if (!streq(config_keys[i].name, name))
                        continue;
                whole = reader->goes_on && reader->value ? str_printf("%s %s", reader->value, value)
                                                         : strdup(value);
                free(reader->value);
                reader->value = whole;
                if (!whole)
                        reader->error = log_oom();
                else if (config_keys[i].parse(whole, (char *) reader->config + config_keys[i].offset) < 0)
                        refuse_value(reader, name, whole, config_keys[i].expected);
                return 1;
        }
        log_full(LOG_WARNING, 0, &unknown, "%s:%u: Key %s= is not known, ignoring it", reader->path,
                        reader->line, name);
        return 1;
}

/* What does not fit would be taken for a line of its own. */
static void skip_rest_of_line(ConfigReader *reader, size_t max)
{
        int c = fgetc(reader->file);

        if (c == EOF || c == '\n')
                return;
        log_full(LOG_ERR, 0, &refused,
                        "%s:%u: The line is longer than %zu bytes; a value may go on in the next line, "
                        "which then begins with a blank",
                        reader->path, reader->line, max);
        reader->error = -EINVAL;
        while (c != EOF && c != '\n')
                c = fgetc(reader->file);
}

/* inih tells the line of what it cannot parse only; this counts them for what arkd does not know. */
static char *next_line(char *buffer, int size, void *userdata)
{
        ConfigReader *reader = userdata;
        const char *begin;

        reader->line++;
        if (!fgets(buffer, size, reader->file))
                return NULL;
        begin = buffer + strspn(buffer, " \t");
        reader->goes_on = begin > buffer;
        if (*begin == '[')
                reader->value = mfree(reader->value);
        if (strlen(buffer) + 1 == (size_t) size && !endswith(buffer, "\n"))
                skip_rest_of_line(reader, (size_t) size - 1);
        return buffer;
}

static int config_read_file(Config *config, const char *path)
{
        ConfigReader reader = { .config = config, .path = path };
        int bad_line;

        reader.file = fopen(path, "re");
        if (!reader.file)
                return errno == ENOENT ? 0 : log_error_errno(errno, "%s cannot be read: %m", path);
        bad_line = ini_parse_stream(next_line, &reader, on_key, &reader);
        (void) fclose(reader.file);
        free(reader.value);
        if (bad_line != 0) {
                log_full(LOG_ERR, 0, &refused,
                                "%s:%d: This line is neither [section], key=value nor a # comment", path,
                                bad_line);
                return -EINVAL;
        }
        return reader.error;
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
                int k = path ? config_read_file(config, path) : -ENOMEM;

                if (k < 0)
                        r = k;
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int config_read_environment(Config *config)
{
        const char *url = getenv("BASE_URL");

        if (!url || !*url)
                return 0;
        if (config_url(url, &config->base_url) >= 0)
                return 0;
        log_full(LOG_ERR, 0, &refused,
                        "BASE_URL=%s in the environment is not valid, it must be an http:// or https:// URL",
                        url);
        return -EINVAL;
}

static int config_set_defaults(Config *config)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        int r;

        *config = (Config){
                .expires_usec = 30 * USEC_PER_DAY,
                .tombstone_usec = 30 * USEC_PER_DAY,
                .max_running = 900,
                .workers = cores > 0 ? 2 * (unsigned) cores : 2,
                .queue_max = 100,
                .retry_max = 5,
                .quota_total = 100,
                .quota_identity = 5,
                .quota_rate = 10,
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

static int config_complete(Config *config)
{
        char text[SD_ID128_STRING_MAX];
        sd_id128_t id;
        int r;

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
        r = config_read_file(&config, file);
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

void config_done(Config *config)
{
        free(config->base_url);
        free(config->redis);
        free(config->engine);
        free(config->tailscale);
        free(config->subnet_pool);
        free(config->deployment);
        strv_free(config->visitor_networks);
        strv_free(config->allowed_hosts);
        *config = (Config){ 0 };
}
