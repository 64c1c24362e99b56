/* SPDX-License-Identifier: MIT */
#include "core/model/instance-newer.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/model/instance.h"

#define WORD_MAX 32

/* Whoever adds a member to a record has it here, too: what is not here outlives its value. */
static bool is_member(const char *name)
{
        static const char *const members[] = { "id", "instance_id", "product_id", "client_name", "status",
                "phase", "progress", "message", "access_url", "public_url", "db_name", "created_at",
                "expires_at", "error", "timeline", "deleted_at", "queue_position", "owner",
                "idempotency_key", "subnet", "ingress_address", "upstream", "prefix", "has_database",
                "database_alias", "kept", "limits", "uid", "verdict_at", "database_stop_signal", "volumes",
                "secure_cookies", NULL };

        return strv_contains((char *const *) members, name);
}

static bool is_secret(const char *name)
{
        static const char *const members[] = { "secrets", "credentials", "database_password", "access_token",
                "access_token_sha256", "product", NULL };

        return strv_contains((char *const *) members, name);
}

static bool is_phase(const char *name)
{
        return instance_phase_from_string(name) >= 0;
}

static int keep_unknown(
                struct json_object *json, bool (*is_known)(const char *name), struct json_object **target)
{
        json_object_put(*target);
        *target = NULL;
        if (!json_object_is_type(json, json_type_object))
                return 0;
        json_object_object_foreach (json, name, value) {
                if (is_known(name))
                        continue;
                if (!*target)
                        *target = json_object_new_object();
                if (json_share(*target, name, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int instance_keep_newer(Instance *instance, struct json_object *record)
{
        int r;

        r = keep_unknown(record, is_member, &instance->newer_members);
        return r < 0 ? r : keep_unknown(json_get(record, "timeline"), is_phase, &instance->newer_timeline);
}

int instance_keep_newer_secrets(Instance *instance, struct json_object *secrets)
{
        return keep_unknown(secrets, is_secret, &instance->newer_secrets);
}

bool newer_is_word(const char *s)
{
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_");

        return n > 0 && n <= WORD_MAX && s[n] == '\0';
}

int instance_load_state(Instance *instance, const char *status, const char *phase)
{
        int s = instance_status_from_string(status), p = instance_phase_from_string(phase), r;

        if (!newer_is_word(status) || !newer_is_word(phase))
                return -EINVAL;
        if (p >= 0)
                instance->phase = (InstancePhase) p;
        if (s == INSTANCE_DELETED || (s >= 0 && p >= 0)) {
                instance->status = (InstanceStatus) s;
                return 0;
        }
        instance->status = INSTANCE_NEWER;
        r = free_and_strdup(&instance->newer_status, status);
        return r < 0 ? r : free_and_strdup(&instance->newer_phase, phase);
}

int json_add_newer(struct json_object *json, struct json_object *newer)
{
        if (!newer)
                return 0;
        json_object_object_foreach (newer, name, value) {
                int r = json_share(json, name, value);

                if (r < 0)
                        return r;
        }
        return 0;
}
