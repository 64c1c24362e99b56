/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/names.h"
#include "engine/engine-container.h"
#include "engine/engine-json.h"

/* The engine's own health checks are for life after the deploy, which has probes of its own: rare enough that
 * hundreds of idle instances cost little. */
#define NSEC_PER_SEC UINT64_C(1000000000)

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
        return 0;
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

static int add_volume(struct json_object *host, const ContainerSpec *spec)
{
        struct json_object *mounts, *mount;

        if (!spec->volume)
                return 0;
        if (!(mounts = engine_json_array(host, "Mounts")) || !(mount = engine_json_element(mounts)) ||
                        json_set_string(mount, "Type", "volume") < 0 ||
                        json_set_string(mount, "Source", spec->volume) < 0 ||
                        json_set_string(mount, "Target", spec->volume_path) < 0 ||
                        add_volume_labels(mount, spec->volume_labels) < 0)
                return -ENOMEM;
        return 0;
}

static int add_host(struct json_object *body, const ContainerSpec *spec)
{
        static const char *const all[] = { "ALL", NULL }, *const options[] = { "no-new-privileges", NULL };
        struct json_object *host = engine_json_object(body, "HostConfig"), *restart;
        const char *network = spec->n_networks > 0 ? spec->networks[0].network : "none";

        /* Not "unless-stopped": an engine that was killed stops at its next start what outlived it, takes that for
         * the user's wish, and the container stays down. */
        if (!host || !(restart = engine_json_object(host, "RestartPolicy")) ||
                        json_set_string(restart, "Name", "always") < 0 ||
                        json_set_string(host, "NetworkMode", network) < 0 ||
                        json_set_bool(host, "Init", true) < 0 ||
                        engine_json_strings(host, "CapDrop", all) < 0 ||
                        engine_json_strings(host, "CapAdd", (const char *const *) spec->capabilities) < 0 ||
                        engine_json_strings(host, "SecurityOpt", options) < 0 ||
                        add_limits(host, &spec->limits) < 0 ||
                        (spec->read_only && add_read_only(host) < 0) || add_volume(host, spec) < 0 ||
                        (spec->slice && json_set_string(host, "CgroupParent", spec->slice) < 0))
                return -ENOMEM;
        return 0;
}

static int set_address(struct json_object *endpoint, const char *address)
{
        struct json_object *ipam;

        if (!address)
                return 0;
        ipam = engine_json_object(endpoint, "IPAMConfig");
        return ipam ? json_set_string(ipam, "IPv4Address", address) : -ENOMEM;
}

/* Engines before API 1.44 take one network at creation; the others are joined afterwards. */
static int add_network(struct json_object *body, const NetworkAttachment *network)
{
        struct json_object *config, *endpoints, *endpoint;

        if (!(config = engine_json_object(body, "NetworkingConfig")) ||
                        !(endpoints = engine_json_object(config, "EndpointsConfig")) ||
                        !(endpoint = engine_json_object(endpoints, network->network)))
                return -ENOMEM;
        return set_address(endpoint, network->address);
}

int engine_container_body(const ContainerSpec *spec, struct json_object **ret)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();

        if (!body || json_set_string(body, "Image", spec->image) < 0 ||
                        json_set_string(body, "Hostname", spec->name) < 0 ||
                        (spec->user && json_set_string(body, "User", spec->user) < 0) ||
                        add_env(body, spec->env) < 0 || add_health(body, spec->health_command) < 0 ||
                        add_host(body, spec) < 0 ||
                        (spec->n_networks > 0 && add_network(body, &spec->networks[0]) < 0) ||
                        engine_json_pairs(body, "Labels", spec->labels) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(body);
        return 0;
}

int engine_container_adapt(const EngineClient *c, struct json_object *body)
{
        struct json_object *host = json_get(body, "HostConfig"), *log, *config;

        if (!c->cgroup_systemd)
                json_object_object_del(host, "CgroupParent");
        if (!c->log_journald && !c->log_json_file)
                return 0; /* whatever the engine's administrator set up */
        if (!(log = engine_json_object(host, "LogConfig")) || !(config = engine_json_object(log, "Config")))
                return -ENOMEM;
        if (c->log_journald) {
                if (json_set_string(log, "Type", "journald") < 0 ||
                                json_set_string(config, "labels", ARK_LABEL_LOG) < 0 ||
                                json_set_string(config, "tag", "{{.Name}}") < 0)
                        return -ENOMEM;
        } else if (json_set_string(log, "Type", "json-file") < 0 ||
                        json_set_string(config, "max-size", "10m") < 0 ||
                        json_set_string(config, "max-file", "2") < 0)
                return -ENOMEM;
        return 0;
}

int engine_container_connect_body(
                const char *container, const NetworkAttachment *network, struct json_object **ret)
{
        _cleanup_json_ struct json_object *body = json_object_new_object();
        struct json_object *endpoint;

        if (!body || json_set_string(body, "Container", container) < 0 ||
                        !(endpoint = engine_json_object(body, "EndpointConfig")) ||
                        set_address(endpoint, network->address) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(body);
        return 0;
}
