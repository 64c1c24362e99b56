/* SPDX-License-Identifier: MIT */
#include "core/instance.h"

#include <errno.h>
#include <stdio.h>

#include "basic/random-util.h"

static const char *const status_names[_INSTANCE_STATUS_MAX] = {
        [INSTANCE_PENDING] = "pending",
        [INSTANCE_RUNNING] = "running",
        [INSTANCE_FAILED] = "failed",
        [INSTANCE_DELETING] = "deleting",
        [INSTANCE_DELETED] = "deleted",
};

static const char *const phase_names[_PHASE_MAX] = {
        [PHASE_QUEUED] = "queued",
        [PHASE_IMAGE] = "image",
        [PHASE_NETWORK] = "network",
        [PHASE_VOLUME] = "volume",
        [PHASE_DATABASE] = "database",
        [PHASE_APP] = "app",
        [PHASE_HEALTH] = "health",
        [PHASE_READY] = "ready",
};

const char instance_ready_message[] = "Ready";

static int name_lookup(const char *const *names, size_t n, const char *s)
{
        for (size_t i = 0; i < n; i++)
                if (streq(names[i], s))
                        return (int) i;
        return -EINVAL;
}

const char *instance_status_to_string(InstanceStatus status)
{
        return status_names[status];
}

int instance_status_from_string(const char *s)
{
        return name_lookup(status_names, _INSTANCE_STATUS_MAX, s);
}

const char *instance_phase_to_string(InstancePhase phase)
{
        return phase_names[phase];
}

int instance_phase_from_string(const char *s)
{
        return name_lookup(phase_names, _PHASE_MAX, s);
}

bool instance_id_is_valid(const char *id)
{
        const char *random = startswith(id, INSTANCE_ID_PREFIX);

        return random && strlen(random) == INSTANCE_ID_RANDOM &&
               strspn(random, ALPHABET_BASE32) == INSTANCE_ID_RANDOM;
}

void instance_names(const Instance *instance, InstanceNames *ret)
{
        const char *random = instance->id + sizeof INSTANCE_ID_PREFIX - 1;

        (void) snprintf(ret->database, sizeof ret->database, "%s_db", instance->id);
        (void) snprintf(ret->volume, sizeof ret->volume, "%s_db_data", instance->id);
        (void) snprintf(ret->network, sizeof ret->network, "%s_net", instance->id);
        (void) snprintf(ret->bridge, sizeof ret->bridge, "ark%s", random);
        (void) snprintf(ret->slice, sizeof ret->slice, "ark-%s.slice", instance->id);
        (void) snprintf(ret->base_path, sizeof ret->base_path, "/instances/%s", instance->id);
}

bool instance_has_resources(const Instance *instance)
{
        /* What failed keeps its addresses where it ran once, or could not be undone whole. */
        return instance->status != INSTANCE_DELETED &&
               (instance->status != INSTANCE_FAILED || instance->subnet != NULL);
}

bool instance_is_left_behind(const Instance *instance)
{
        return instance->status == INSTANCE_FAILED && instance->subnet &&
               instance->timeline[PHASE_READY] == TIMELINE_UNSET;
}

char *instance_redact(const Instance *instance, const char *text)
{
        char *clean = strdup(text);

        for (size_t i = 0; clean && i < instance->secrets.n + 2; i++) {
                const char *secret = i == 0   ? instance->database_password
                                     : i == 1 ? instance->access_token
                                              : instance->secrets.items[i - 2].value;
                char *next;

                if (!secret || !*secret)
                        continue;
                next = str_replace(clean, secret, "••••••");
                free(clean);
                clean = next;
        }
        return clean;
}

bool instance_is_repeatable(const Instance *instance, uint64_t now_usec)
{
        return instance->idempotency_key && now_usec <= instance->created_usec + IDEMPOTENCY_TTL_USEC;
}

void instance_get_log_context(const Instance *instance, LogContext *ret)
{
        *ret = (LogContext){ .instance = instance->id, .product = instance->product_id };
}

Instance *instance_free(Instance *instance)
{
        if (!instance)
                return NULL;
        free(instance->id);
        free(instance->product_id);
        free(instance->client_name);
        free(instance->owner);
        free(instance->idempotency_key);
        free(instance->message);
        free(instance->error_step);
        free(instance->error_reason);
        free(instance->error_log);
        free(instance->access_url);
        free(instance->subnet);
        free(instance->ingress_address);
        free(instance->upstream);
        str_erase_free(instance->database_password);
        str_erase_free(instance->access_token);
        string_pairs_done(&instance->secrets);
        json_object_put(instance->credentials);
        product_unref(instance->product);
        free(instance);
        return NULL;
}
