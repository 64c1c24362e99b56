/* SPDX-License-Identifier: MIT */
#include "firewall/state.h"

#include <errno.h>
#include <systemd/sd-daemon.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/string-util.h"

static int put_resolvers(struct json_object *json, char *const *resolvers)
{
        struct json_object *list = json_object_new_array();
        int r = list ? 0 : -ENOMEM;

        for (char *const *one = resolvers; r >= 0 && one && *one; one++)
                r = json_append(list, json_object_new_string(*one));
        if (r < 0) {
                json_object_put(list);
                return r;
        }
        return json_set(json, "resolvers", list);
}

int firewall_state_format(const FirewallState *state, char **ret_json)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();
        const uint64_t restored = state->restored_usec ? state->restored_usec : UINT64_MAX;
        char *text;

        if (json_set_bool(json, "in_force", !state->fault) < 0 ||
                        json_set_string(json, "fault", state->fault) < 0 ||
                        json_set_string(json, "pool", state->pool) < 0 ||
                        json_set_timestamp(json, "since",
                                        state->since_usec ? state->since_usec : UINT64_MAX) < 0 ||
                        json_set_u64(json, "restored", state->restored) < 0 ||
                        json_set_timestamp(json, "restored_at", restored) < 0 ||
                        json_set_string(json, "operator_fault", state->operator_fault) < 0 ||
                        json_set_string(json, "engine_rules", engine_rules_to_string(state->engine)) < 0 ||
                        json_set_string(json, "engine_rules_missing", state->engine_missing) < 0 ||
                        put_resolvers(json, state->resolvers) < 0)
                return -ENOMEM;
        text = str_printf("%s\n", json_text(json));
        if (!text)
                return -ENOMEM;
        *ret_json = text;
        return 0;
}

/* STATUS= and ERRNO= are properties of the unit: "arkctl status" reads them, from another host as well. */
static void notify(const FirewallState *state)
{
        if (state->fault)
                (void) sd_notifyf(false, "STATUS=Instances are not kept apart: %s\nERRNO=%d", state->fault,
                                EPERM);
        else if (state->engine == ENGINE_RULES_MISSING)
                (void) sd_notifyf(false,
                                "STATUS=Instances are kept apart, but of the engine's own rules these are "
                                "missing: %s. Applications may have no way out, and the engine may start "
                                "no container\nERRNO=%d",
                                state->engine_missing ? state->engine_missing : "all", ENETUNREACH);
        else if (state->operator_fault)
                (void) sd_notifyf(false,
                                "STATUS=Instances are kept apart, but the rules in /etc/arkd/firewall.d are "
                                "left "
                                "out: %s\nERRNO=%d",
                                state->operator_fault, EINVAL);
        else
                (void) sd_notify(false, "STATUS=Instances are kept apart\nERRNO=0");
}

int firewall_state_publish(const FirewallState *state, const char *path)
{
        _cleanup_free_ char *json = NULL;
        int r;

        notify(state);
        r = firewall_state_format(state, &json);
        return r < 0 ? r : write_file_atomic(path, json, 0644);
}
