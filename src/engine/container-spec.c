/* SPDX-License-Identifier: MIT */
#include "engine/container-spec.h"

#include <errno.h>
#include <inttypes.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/names.h"
#include "engine/json.h"

/* The engine's own health checks are for life after the deploy, which has probes of its own: rare enough that
 * hundreds of idle instances cost little. */
#define NSEC_PER_SEC UINT64_C(1000000000)

/* The output of a container is in so many files, of which the oldest goes. */
#define LOG_FILES      2
#define LOG_FILES_TEXT "2"
#define LOG_MAX_OF_OLD (UINT64_C(20) << 20) /* of containers that are not told how much */

static int add_env(struct json_object *body, const StringPairs *env)
{
        struct json_object *array = engine_json_array(body, "Env");

        if (!array)
                return -ENOMEM;
        for (size_t i = 0; env && i < env->n; i++) {
                _cleanup_(str_erase_freep) char *line =
                                str_printf("%s=%s", env->items[i].key, env->items[i].value);

                if (!line || engine_json_append(array, line) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int add_health(struct json_object *body, const char *const *command)
{
        struct json_object *health, *test;

        if (!command)
                return 0;
        if (!(health = engine_json_object(body, "Healthcheck")) ||
                        !(test = engine_json_array(health, "Test")) || engine_json_append(test, "CMD") < 0)
                return -ENOMEM;
        for (; *command; command++)
                if (engine_json_append(test, *command) < 0)
                        return -ENOMEM;
        if (json_set_u64(health, "Interval", CONTAINER_HEALTH_INTERVAL_S * NSEC_PER_SEC) < 0 ||
                        json_set_u64(health, "Timeout", CONTAINER_HEALTH_TIMEOUT_S * NSEC_PER_SEC) < 0 ||
                        json_set_u64(health, "StartPeriod", CONTAINER_HEALTH_START_PERIOD_S * NSEC_PER_SEC) <
                                        0 ||
                        json_set_u64(health, "Retries", CONTAINER_HEALTH_RETRIES) < 0)
                return -ENOMEM;
        return 0;
}

/* Engines differ in what they give by themselves, from 1024 to no end: some applications fail of the one, others walk
 * through all that they could have open at their start and take minutes for it. */
static int add_file_limit(struct json_object *host, uint64_t files)
{
        struct json_object *list, *limit;

        if (!(list = engine_json_array(host, "Ulimits")) || !(limit = engine_json_element(list)) ||
                        json_set_string(limit, "Name", "nofile") < 0 ||
                        json_set_u64(limit, "Soft", files) < 0 || json_set_u64(limit, "Hard", files) < 0)
                return -ENOMEM;
        return 0;
}

static int add_limits(struct json_object *host, const ResourceLimits *limits)
{
        /* Swap included, so that the limit is one. */
        if (limits->memory > 0 && (json_set_u64(host, "Memory", limits->memory) < 0 ||
                                                  json_set_u64(host, "MemorySwap", limits->memory) < 0))
                return -ENOMEM;
        if (limits->nano_cpus > 0 && json_set_u64(host, "NanoCpus", limits->nano_cpus) < 0)
                return -ENOMEM;
        if (limits->pids > 0 && json_set_u64(host, "PidsLimit", limits->pids) < 0)
                return -ENOMEM;
        return limits->files > 0 ? add_file_limit(host, limits->files) : 0;
}

static int add_read_only(struct json_object *host)
{
        struct json_object *tmpfs;

        if (json_set_bool(host, "ReadonlyRootfs", true) < 0 ||
                        !(tmpfs = engine_json_object(host, "Tmpfs")) ||
                        json_set_string(tmpfs, "/tmp", CONTAINER_TMPFS_TMP) < 0 ||
                        json_set_string(tmpfs, "/run", CONTAINER_TMPFS_RUN) < 0)
                return -ENOMEM;
        return 0;
}

/* The volume is there before the container is asked for. But an engine may come to that so late that it has been removed
 * again: what it makes in its place, unasked, is to be known for ours. */
static int add_volume_labels(struct json_object *mount, const StringPairs *labels)
{
        struct json_object *options;

        if (!labels)
                return 0;
        options = engine_json_object(mount, "VolumeOptions");
        return options ? engine_json_pairs(options, "Labels", labels) : -ENOMEM;
}

static int add_mount(
                struct json_object *mounts, const char *volume, const char *path, const StringPairs *labels)
{
        struct json_object *mount = engine_json_element(mounts);

        if (!mount || json_set_string(mount, "Type", "volume") < 0 ||
                        json_set_string(mount, "Source", volume) < 0 ||
                        json_set_string(mount, "Target", path) < 0 || add_volume_labels(mount, labels) < 0)
                return -ENOMEM;
        return 0;
}

static int add_volumes(struct json_object *host, const ContainerSpec *spec)
{
        struct json_object *mounts;
        int r = 0;

        if (!spec->volume && spec->n_volumes == 0)
                return 0;
        mounts = engine_json_array(host, "Mounts");
        if (!mounts)
                return -ENOMEM;
        if (spec->volume)
                r = add_mount(mounts, spec->volume, spec->volume_path, spec->volume_labels);
        for (size_t i = 0; r >= 0 && i < spec->n_volumes; i++)
                r = add_mount(mounts, spec->volumes[i].name, spec->volumes[i].path, NULL);
        return r;
}

/* The engine goes by it when it is stopped itself, too. */
static int add_stop(struct json_object *body, const ContainerSpec *spec)
{
        if (spec->stop_timeout_s > 0 && json_set_u64(body, "StopTimeout", spec->stop_timeout_s) < 0)
                return -ENOMEM;
        return spec->stop_signal ? json_set_string(body, "StopSignal", spec->stop_signal) : 0;
}

static int add_privileges(struct json_object *host, const ContainerSpec *spec)
{
        static const char *const options[] = { "no-new-privileges", NULL };

        return spec->new_privileges ? 0 : engine_json_strings(host, "SecurityOpt", options);
}

static int add_own_name(struct json_object *host, const ContainerSpec *spec)
{
        _cleanup_free_ char *line = NULL;
        const char *list[2] = { NULL };

        if (!spec->own_address)
                return 0;
        list[0] = line = str_printf("%s:%s", spec->name, spec->own_address);
        return line ? engine_json_strings(host, "ExtraHosts", list) : -ENOMEM;
}

static int add_shm(struct json_object *host, const ContainerSpec *spec)
{
        return spec->shm_size > 0 ? json_set_u64(host, "ShmSize", spec->shm_size) : 0;
}

static int add_host(struct json_object *body, const ContainerSpec *spec)
{
        static const char *const all[] = { "ALL", NULL };
        struct json_object *host = engine_json_object(body, "HostConfig"), *restart;
        const char *network = spec->n_networks > 0 ? spec->networks[0].network : "none";

        /* Not "unless-stopped": an engine that was killed stops at its next start what outlived it, takes that for
         * the user's wish, and the container stays down. */
        if (!host || !(restart = engine_json_object(host, "RestartPolicy")) ||
                        json_set_string(restart, "Name", "always") < 0 ||
                        json_set_string(host, "NetworkMode", network) < 0 ||
                        json_set_bool(host, "Init", !spec->own_init) < 0 ||
                        engine_json_strings(host, "CapDrop", all) < 0 ||
                        engine_json_strings(host, "CapAdd", (const char *const *) spec->capabilities) < 0 ||
                        add_privileges(host, spec) < 0 || add_shm(host, spec) < 0 ||
                        add_own_name(host, spec) < 0 || add_limits(host, &spec->limits) < 0 ||
                        (spec->read_only && add_read_only(host) < 0) || add_volumes(host, spec) < 0 ||
                        (spec->slice && json_set_string(host, "CgroupParent", spec->slice) < 0))
                return -ENOMEM;
        return 0;
}

static int add_endpoint(struct json_object *endpoint, const NetworkAttachment *network)
{
        const char *const aliases[] = { network->alias, NULL };
        struct json_object *ipam;

        if (network->alias && engine_json_strings(endpoint, "Aliases", aliases) < 0)
                return -ENOMEM;
        if (!network->address)
                return 0;
        ipam = engine_json_object(endpoint, "IPAMConfig");
        return ipam ? json_set_string(ipam, "IPv4Address", network->address) : -ENOMEM;
}

/* Engines before API 1.44 take one network at creation; the others are joined afterwards. */
static int add_network(struct json_object *body, const NetworkAttachment *network)
{
        struct json_object *config, *endpoints, *endpoint;

        if (!(config = engine_json_object(body, "NetworkingConfig")) ||
                        !(endpoints = engine_json_object(config, "EndpointsConfig")) ||
                        !(endpoint = engine_json_object(endpoints, network->network)))
                return -ENOMEM;
        return add_endpoint(endpoint, network);
}

int engine_container_body(const ContainerSpec *spec, struct json_object **ret)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();

        if (!body || json_set_string(body, "Image", spec->image) < 0 ||
                        json_set_string(body, "Hostname", spec->name) < 0 ||
                        (spec->user && json_set_string(body, "User", spec->user) < 0) ||
                        add_stop(body, spec) < 0 || add_env(body, spec->env) < 0 ||
                        add_health(body, spec->health_command) < 0 || add_host(body, spec) < 0 ||
                        (spec->n_networks > 0 && add_network(body, &spec->networks[0]) < 0) ||
                        engine_json_pairs(body, "Labels", spec->labels) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(body);
        return 0;
}

/* arkd-journal is sent each line with whose it is, and keeps each instance to its share of the journal; the engine keeps
 * the last lines itself, for who asks it. */
static int add_relay_options(StringPairs *options, const char *size)
{
        static const char *const fixed[][2] = {
                { "syslog-address", "udp://127.0.0.1:5052" },
                { "syslog-format", "rfc5424micro" },
                { "tag", "{{index .ContainerLabels \"" ARK_LABEL_LOG "\"}}/{{.Name}}/{{.FullID}}" },
                { "cache-max-file", LOG_FILES_TEXT },
        };
        int r;

        r = string_pairs_add(options, "cache-max-size", size);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(fixed); i++)
                r = string_pairs_add(options, fixed[i][0], fixed[i][1]);
        return r;
}

/* The engine writes to the journal by itself. All containers share what one unit may print. */
static int add_journald_options(StringPairs *options)
{
        int r;

        r = string_pairs_add(options, "labels", ARK_LABEL_LOG);
        return r < 0 ? r : string_pairs_add(options, "tag", "{{.Name}}");
}

static int add_file_options(StringPairs *options, const char *size)
{
        int r;

        r = string_pairs_add(options, "max-size", size);
        return r < 0 ? r : string_pairs_add(options, "max-file", LOG_FILES_TEXT);
}

int engine_log_config(
                const EngineClient *c, uint64_t log_max, const char **ret_driver, StringPairs *ret_options)
{
        _cleanup_(string_pairs_done) StringPairs options = { 0 };
        const char *driver = c->log_relay ? "syslog" : c->log_journald ? "journald" : NULL;
        _cleanup_free_ char *size = NULL;
        int r = 0;

        if (!c->known)
                return -ENOTCONN;
        size = str_printf("%" PRIu64, (log_max > 0 ? log_max : LOG_MAX_OF_OLD) / LOG_FILES);
        if (!size)
                return -ENOMEM;
        if (c->log_relay)
                r = add_relay_options(&options, size);
        else if (c->log_journald)
                r = add_journald_options(&options);
        else if (c->log_json_file) { /* which grows without end unless told */
                driver = "json-file";
                r = add_file_options(&options, size);
        }
        if (r < 0)
                return r;
        *ret_driver = driver;
        *ret_options = options;
        options = (StringPairs){ 0 };
        return 0;
}

int engine_container_adapt(const EngineClient *c, uint64_t log_max, struct json_object *body)
{
        struct json_object *host = json_get(body, "HostConfig"), *log;
        _cleanup_(string_pairs_done) StringPairs options = { 0 };
        const char *driver;
        int r;

        if (!c->cgroup_systemd)
                json_object_object_del(host, "CgroupParent");
        r = engine_log_config(c, log_max, &driver, &options);
        if (r < 0 || !driver)
                return r; /* whatever the engine's administrator set up */
        if (!(log = engine_json_object(host, "LogConfig")) || json_set_string(log, "Type", driver) < 0)
                return -ENOMEM;
        return engine_json_pairs(log, "Config", &options);
}

int engine_container_connect_body(
                const char *container, const NetworkAttachment *network, struct json_object **ret)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();
        struct json_object *endpoint;

        if (!body || json_set_string(body, "Container", container) < 0 ||
                        !(endpoint = engine_json_object(body, "EndpointConfig")) ||
                        add_endpoint(endpoint, network) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(body);
        return 0;
}
