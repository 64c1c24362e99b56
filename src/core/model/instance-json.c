/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance-newer.h"
#include "core/model/instance-url.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/model/limits.h"
#include "core/model/product.h"
#include "core/model/user-range.h"

static int add_error(struct json_object *json, const Instance *i, InstanceView view)
{
        struct json_object *error;
        int r;

        if (!i->error_reason)
                return json_set_string(json, "error", NULL);
        error = json_object_new_object();
        r = json_set(json, "error", error);
        if (r >= 0)
                r = json_set_string(error, "step", i->error_step);
        if (r >= 0)
                r = json_set_string(error, "reason", i->error_reason);
        if (r >= 0 && view != INSTANCE_VIEW_VISITOR)
                r = json_set_string(error, "log", strempty(i->error_log));
        return r;
}

static int add_timeline(struct json_object *json, const Instance *i)
{
        struct json_object *timeline = json_object_new_object();
        int r;

        r = json_set(json, "timeline", timeline);
        for (InstancePhase phase = 0; r >= 0 && phase < _PHASE_MAX; phase++)
                if (i->timeline[phase] != TIMELINE_UNSET)
                        r = json_set_u64(timeline, instance_phase_to_string(phase), i->timeline[phase]);
        return r < 0 ? r : json_add_newer(timeline, i->newer_timeline);
}

static int add_public(struct json_object *json, const Instance *i)
{
        InstanceNames names;
        int r;

        instance_names(i, &names);
        r = json_set_string(json, "id", i->id);
        if (r >= 0)
                r = json_set_string(json, "instance_id", i->id);
        if (r >= 0)
                r = json_set_string(json, "product_id", i->product_id);
        if (r >= 0)
                r = json_set_string(json, "client_name", i->client_name);
        if (r >= 0)
                r = json_set_string(json, "status", instance_status_text(i));
        if (r >= 0)
                r = json_set_string(json, "phase", instance_phase_text(i));
        if (r >= 0)
                r = json_set_double(json, "progress", i->progress);
        if (r >= 0)
                r = json_set_string(json, "message", strempty(i->message));
        if (r >= 0)
                r = json_set_string(json, "access_url", i->access_url);
        if (r >= 0)
                r = json_set_string(json, "public_url", instance_url_public(i));
        if (r >= 0)
                r = json_set_string(json, "db_name", i->has_database ? names.database : NULL);
        if (r >= 0)
                r = json_set_timestamp(json, "created_at", i->created_usec);
        if (r >= 0)
                r = json_set_timestamp(json, "expires_at", i->expires_usec);
        return r;
}

static int add_record(struct json_object *json, const Instance *i)
{
        int r;

        r = json_set_string(json, "idempotency_key", i->idempotency_key);
        if (r >= 0)
                r = json_set_string(json, "subnet", i->subnet);
        if (r >= 0)
                r = json_set_string(json, "ingress_address", i->ingress_address);
        if (r >= 0)
                r = json_set_string(json, "upstream", i->upstream);
        if (r >= 0 && i->secure_cookies)
                r = json_set_bool(json, "secure_cookies", true);
        if (r >= 0 && i->database_stop_signal)
                r = json_set_string(json, "database_stop_signal", i->database_stop_signal);
        if (r >= 0)
                r = json_set_string(json, "prefix", prefix_mode_to_string(i->prefix));
        if (r >= 0)
                r = json_set_bool(json, "has_database", i->has_database);
        if (r >= 0 && i->has_database_alias)
                r = json_set_bool(json, "database_alias", true);
        if (r >= 0)
                r = json_set_bool(json, "kept", i->kept);
        if (r >= 0 && i->has_limits)
                r = json_set(json, "limits", instance_limits_to_json(&i->limits));
        if (r >= 0 && i->uid)
                r = json_set_u64(json, "uid", i->uid);
        if (r >= 0 && i->verdict_usec)
                r = json_set_timestamp(json, "verdict_at", i->verdict_usec);
        if (r >= 0)
                r = instance_volumes_to_json(i, json);
        return r < 0 ? r : json_add_newer(json, i->newer_members);
}

struct json_object *instance_to_json(const Instance *i, InstanceView view)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();
        int r;

        if (!json)
                return NULL;
        r = add_public(json, i);
        if (r >= 0)
                r = add_error(json, i, view);
        if (r >= 0)
                r = add_timeline(json, i);
        if (r >= 0 && i->deleted_usec)
                r = json_set_timestamp(json, "deleted_at", i->deleted_usec);
        if (r >= 0 && view != INSTANCE_VIEW_RECORD)
                r = json_set_string(json, "image", instance_image(i));
        if (r >= 0 && view == INSTANCE_VIEW_OPERATOR)
                r = json_set_string(json, "warning", instance_warning(i));
        if (r >= 0 && i->queue_position && view != INSTANCE_VIEW_RECORD)
                r = json_set_u64(json, "queue_position", i->queue_position);
        if (r >= 0 && view != INSTANCE_VIEW_VISITOR)
                r = json_set_string(json, "owner", i->owner);
        if (r >= 0 && view == INSTANCE_VIEW_RECORD)
                r = add_record(json, i);
        return r < 0 ? NULL : TAKE_PTR(json);
}

struct json_object *instance_secrets_to_json(const Instance *i)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();
        struct json_object *secrets;
        int r;

        if (!json)
                return NULL;
        secrets = json_object_new_object();
        r = json_set(json, "secrets", secrets);
        for (size_t k = 0; r >= 0 && k < i->secrets.n; k++)
                r = json_set_string(secrets, i->secrets.items[k].key, i->secrets.items[k].value);
        if (r >= 0)
                r = json_set(json, "credentials",
                                i->credentials ? json_object_get(i->credentials) : json_object_new_array());
        if (r >= 0)
                r = json_set_string(json, "database_password", i->database_password);
        if (r >= 0)
                r = json_set_string(json, "access_token", i->access_token);
        if (r >= 0 && i->access_token_sha256)
                r = json_set_string(json, "access_token_sha256", i->access_token_sha256);
        if (r >= 0 && i->product)
                r = json_set(json, "product", product_to_snapshot(i->product));
        if (r >= 0)
                r = json_add_newer(json, i->newer_secrets);
        return r < 0 ? NULL : TAKE_PTR(json);
}

/* A member that may be absent: *target stays NULL then. */
static int load_string(struct json_object *json, const char *name, char **target)
{
        const char *s;
        int r;

        r = json_get_string(json, name, &s);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? r : free_and_strdup(target, s);
}

static int load_timestamp(struct json_object *json, const char *name, uint64_t absent, uint64_t *target)
{
        const char *s;
        int r;

        r = json_get_string(json, name, &s);
        if (r == -ENOENT) {
                *target = absent;
                return 0;
        }
        return r < 0 ? r : parse_timestamp(s, target);
}

static int load_enums(struct json_object *json, Instance *i)
{
        const char *status, *phase, *prefix;

        int r;

        if (json_get_string(json, "status", &status) < 0 || json_get_string(json, "phase", &phase) < 0)
                return -EINVAL;
        r = instance_load_state(i, status, phase);
        if (r < 0)
                return r;
        if (json_get_string(json, "prefix", &prefix) >= 0 && streq(prefix, "keep"))
                i->prefix = PREFIX_KEEP;
        (void) json_get_bool(json, "has_database", &i->has_database);
        (void) json_get_bool(json, "database_alias", &i->has_database_alias);
        (void) json_get_bool(json, "kept", &i->kept);
        (void) json_get_bool(json, "secure_cookies", &i->secure_cookies);
        (void) json_get_double(json, "progress", &i->progress);
        return 0;
}

static int load_error(struct json_object *json, Instance *i)
{
        struct json_object *error = json_get(json, "error");
        int r;

        if (!error)
                return 0;
        r = load_string(error, "step", &i->error_step);
        if (r >= 0)
                r = load_string(error, "reason", &i->error_reason);
        if (r >= 0)
                r = load_string(error, "log", &i->error_log);
        return r;
}

static int load_uid(struct json_object *json, Instance *i)
{
        uint64_t uid;
        int r;

        r = json_get_u64(json, "uid", &uid);
        if (r == -ENOENT)
                return 0;
        if (r < 0 || uid < USER_ID_MIN || uid > USER_ID_MAX)
                return -EINVAL;
        i->uid = (uint32_t) uid;
        return 0;
}

static int load_limits(struct json_object *json, Instance *i)
{
        struct json_object *limits = json_get(json, "limits");

        i->has_limits = limits != NULL;
        return limits ? instance_limits_from_json(limits, &i->limits) : 0;
}

static int load_strings(struct json_object *json, Instance *i)
{
        const struct {
                const char *name;
                char **target;
                bool required;
        } members[] = {
                { "id", &i->id, true },
                { "product_id", &i->product_id, true },
                { "client_name", &i->client_name, true },
                { "owner", &i->owner },
                { "idempotency_key", &i->idempotency_key },
                { "message", &i->message },
                { "access_url", &i->access_url },
                { "public_url", &i->public_url },
                { "subnet", &i->subnet },
                { "ingress_address", &i->ingress_address },
                { "upstream", &i->upstream },
                { "database_stop_signal", &i->database_stop_signal },
        };

        for (size_t k = 0; k < ELEMENTSOF(members); k++) {
                int r = load_string(json, members[k].name, members[k].target);

                if (r < 0)
                        return r;
                if (members[k].required && !*members[k].target)
                        return -EINVAL;
        }
        return 0;
}

int instance_new_from_record(struct json_object *record, Instance **ret)
{
        _cleanup_(instance_freep) Instance *i = new0(Instance, 1);
        struct json_object *timeline = json_get(record, "timeline");
        int r;

        if (!i)
                return -ENOMEM;
        r = load_strings(record, i);
        if (r >= 0)
                r = load_enums(record, i);
        if (r >= 0)
                r = load_error(record, i);
        if (r >= 0)
                r = load_limits(record, i);
        if (r >= 0)
                r = load_uid(record, i);
        if (r >= 0)
                r = load_timestamp(record, "created_at", 0, &i->created_usec);
        if (r >= 0)
                r = load_timestamp(record, "expires_at", UINT64_MAX, &i->expires_usec);
        if (r >= 0)
                r = load_timestamp(record, "deleted_at", 0, &i->deleted_usec);
        if (r >= 0)
                r = load_timestamp(record, "verdict_at", 0, &i->verdict_usec);
        if (r >= 0)
                r = instance_volumes_load(i, record);
        if (r >= 0)
                r = instance_keep_newer(i, record);
        if (r >= 0 && (!instance_id_is_valid(i->id) || i->created_usec == 0))
                r = -EINVAL;
        if (r < 0)
                return r;
        for (InstancePhase phase = 0; phase < _PHASE_MAX; phase++)
                if (!timeline || json_get_u64(timeline, instance_phase_to_string(phase),
                                                 &i->timeline[phase]) < 0)
                        i->timeline[phase] = TIMELINE_UNSET;
        i->stored = true;
        *ret = TAKE_PTR(i);
        return 0;
}

int instance_load_secrets(Instance *i, struct json_object *json)
{
        struct json_object *secrets = json_get(json, "secrets");
        int r;

        json_object_put(i->credentials);
        i->credentials = json_object_get(json_get(json, "credentials"));
        r = load_string(json, "database_password", &i->database_password);
        if (r >= 0)
                r = load_string(json, "access_token", &i->access_token);
        if (r >= 0)
                r = load_string(json, "access_token_sha256", &i->access_token_sha256);
        if (r >= 0)
                r = instance_keep_newer_secrets(i, json);
        if (r < 0 || !json_object_is_type(secrets, json_type_object))
                return r;
        json_object_object_foreach (secrets, name, value) {
                if (!json_object_is_type(value, json_type_string))
                        return -EINVAL;
                r = string_pairs_add(&i->secrets, name, json_object_get_string(value));
                if (r < 0)
                        return r;
        }
        return 0;
}
