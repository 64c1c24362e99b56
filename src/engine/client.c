/* SPDX-License-Identifier: MIT */
#include "engine/client.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/string-util.h"
#include "core/names.h"

/* The driver is always listed, and refuses to start a container on a host without a journal. */
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Of arkd-journal.socket, beside the address that the engine sends to. */
#define RELAY_SOCKET "/run/arkd/journal.sock"

/* "1.41" → 41 */
static int parse_api(const char *s, unsigned *ret_minor)
{
        const char *minor = s ? startswith(s, "1.") : NULL;

        if (!minor || parse_unsigned(minor, ret_minor) < 0 || *ret_minor > 9999)
                return -EPROTO;
        return 0;
}

int engine_choose_api(const char *api, const char *min, char ret_api[16])
{
        unsigned newest, oldest = 0, chosen;

        if (parse_api(api, &newest) < 0 || (min && min[0] != '\0' && parse_api(min, &oldest) < 0) ||
                        oldest > newest)
                return -EPROTO;
        if (newest < ENGINE_API_OLDEST_MINOR)
                return -EOPNOTSUPP;
        chosen = newest < ENGINE_API_NEWEST_MINOR ? newest : ENGINE_API_NEWEST_MINOR;
        if (chosen < oldest)
                chosen = oldest;
        (void) snprintf(ret_api, 16, "1.%u", chosen);
        return chosen > ENGINE_API_NEWEST_MINOR ? ENGINE_API_NEWER : ENGINE_API_FITS;
}

int engine_client_take_version(EngineClient *c, struct json_object *version)
{
        const char *api = NULL, *min = NULL;
        char chosen[16];
        int fit;

        (void) json_get_string(version, "ApiVersion", &api);
        (void) json_get_string(version, "MinAPIVersion", &min);
        fit = engine_choose_api(api, min, chosen);
        if (fit < 0)
                return fit;
        if (fit == ENGINE_API_NEWER && !streq(c->api, chosen))
                log_warning("The engine no longer speaks API 1.%u, the newest that is known here; trying "
                            "its %s",
                                ENGINE_API_NEWEST_MINOR, chosen);
        memcpy(c->api, chosen, sizeof(c->api));
        return fit;
}

static bool has_string(struct json_object *array, const char *s)
{
        size_t n = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;

        for (size_t i = 0; i < n; i++) {
                struct json_object *o = json_object_array_get_idx(array, i);

                if (json_object_is_type(o, json_type_string) && streq(json_object_get_string(o), s))
                        return true;
        }
        return false;
}

int engine_client_take_info(EngineClient *c, struct json_object *info)
{
        const char *cgroup = "", *logging = "", *root = "";
        struct json_object *plugins;

        if (!json_object_is_type(info, json_type_object))
                return -EPROTO;
        (void) json_get_string(info, "CgroupDriver", &cgroup);
        (void) json_get_string(info, "LoggingDriver", &logging);
        (void) json_get_string(info, "DockerRootDir", &root);
        (void) snprintf(c->root_dir, sizeof c->root_dir, "%s", root);
        (void) snprintf(c->volumes_dir, sizeof c->volumes_dir, "%s/volumes", c->root_dir);
        plugins = json_get(info, "Plugins");
        c->cgroup_systemd = streq(cgroup, "systemd");
        c->log_relay = has_string(json_get(plugins, "Log"), "syslog") && access(RELAY_SOCKET, F_OK) >= 0;
        c->log_json_file = streq(logging, "json-file");
        c->log_journald = streq(logging, "journald") ||
                          (json_object_is_type(plugins, json_type_object) &&
                                          has_string(json_get(plugins, "Log"), "journald") &&
                                          access(JOURNAL_SOCKET, F_OK) >= 0);
        c->negotiated = c->known = true;
        return 0;
}

bool engine_client_owns(const EngineClient *c, struct json_object *labels)
{
        const char *deployment;

        return json_object_is_type(labels, json_type_object) &&
               json_get_string(labels, ARK_LABEL_DEPLOYMENT, &deployment) >= 0 &&
               streq(deployment, c->deployment);
}
