/* SPDX-License-Identifier: MIT */
#include "core/model/instance.h"

#include <errno.h>

#include "basic/random-util.h"
#include "core/model/instance-url.h"
#include "core/model/instance-volume.h"
#include "core/model/limits.h"
#include "core/model/product.h"
#include "core/ports.h"

static const char *const status_names[_INSTANCE_STATUS_MAX] = {
        [INSTANCE_PENDING] = "pending",
        [INSTANCE_RUNNING] = "running",
        [INSTANCE_FAILED] = "failed",
        [INSTANCE_DELETING] = "deleting",
        [INSTANCE_DELETED] = "deleted",
        [INSTANCE_NEWER] = "unknown",
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
        return name_lookup(status_names, INSTANCE_NEWER, s);
}

const char *instance_phase_to_string(InstancePhase phase)
{
        return phase_names[phase];
}

int instance_phase_from_string(const char *s)
{
        return name_lookup(phase_names, _PHASE_MAX, s);
}

const char *instance_status_text(const Instance *instance)
{
        return instance->status == INSTANCE_NEWER ? instance->newer_status
                                                  : instance_status_to_string(instance->status);
}

const char *instance_phase_text(const Instance *instance)
{
        return instance->status == INSTANCE_NEWER ? instance->newer_phase
                                                  : instance_phase_to_string(instance->phase);
}

bool instance_id_is_valid(const char *id)
{
        const char *random = startswith(id, INSTANCE_ID_PREFIX);

        return random && strlen(random) == INSTANCE_ID_RANDOM &&
               strspn(random, ALPHABET_BASE32) == INSTANCE_ID_RANDOM;
}

bool instance_has_resources(const Instance *instance)
{
        /* What failed keeps its addresses where it ran once, or could not be undone whole. */
        return instance->status != INSTANCE_DELETED &&
               (instance->status != INSTANCE_FAILED || instance->subnet != NULL);
}

const char *instance_image(const Instance *instance)
{
        return instance->product && instance_has_resources(instance) ? instance->product->image : NULL;
}

/* Of a version that settled none; its product may have. */
static bool has_no_limits(const Instance *instance)
{
        return !instance->has_limits && instance->product &&
               (instance->product->app_limits.memory == LIMIT_UNSET ||
                               (instance->has_database &&
                                               instance->product->database_limits.memory == LIMIT_UNSET));
}

static const char *warning_of_limits(const Instance *instance)
{
        if (instance->status != INSTANCE_RUNNING || !has_no_limits(instance))
                return NULL;
        return "It was made before there were default limits, so it may use all the memory that instances "
               "have together. “arkctl restart ID” makes its containers again with those of arkd.conf(5); "
               "where it needs more than DefaultMemory=, raise that first";
}

const char *instance_warning(const Instance *instance)
{
        if (!instance->secure_cookies || instance->status != INSTANCE_RUNNING ||
                        !startswith(instance_url_public(instance), "http://"))
                return warning_of_limits(instance);
        return "Its application sets cookies for https alone (Secure), and its link is http: browsers drop "
               "them, "
               "and a login may lead back to itself without a word. Serve it by https (ApplicationsURL= in "
               "arkd.conf), or turn Secure off in the application's own settings";
}

bool instance_is_left_behind(const Instance *instance)
{
        return instance->status == INSTANCE_FAILED && instance->subnet &&
               instance->timeline[PHASE_READY] == TIMELINE_UNSET;
}

/* What held for all before there were defaults: a fork bomb would have taken the others' processes. */
#define PIDS_OF_OLD 512

InstanceLimits instance_get_limits(const Instance *i)
{
        static const ResourceLimits of_old = { .pids = PIDS_OF_OLD };

        if (i->has_limits || !i->product)
                return i->limits;
        return (InstanceLimits){
                .app = limits_complete(&i->product->app_limits, &of_old),
                .database = limits_complete(&i->product->database_limits, &of_old),
        };
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

void instance_erase_secrets(Instance *instance)
{
        instance->database_password = str_erase_free(instance->database_password);
        instance->access_token = str_erase_free(instance->access_token);
        instance->access_token_sha256 = mfree(instance->access_token_sha256);
        string_pairs_done(&instance->secrets);
        json_object_put(instance->credentials);
        instance->credentials = NULL;
        json_object_put(instance->newer_secrets);
        instance->newer_secrets = NULL;
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
        free(instance->public_url);
        free(instance->subnet);
        free(instance->ingress_address);
        free(instance->upstream);
        free(instance->database_stop_signal);
        str_erase_free(instance->database_password);
        str_erase_free(instance->access_token);
        free(instance->access_token_sha256);
        string_pairs_done(&instance->secrets);
        json_object_put(instance->credentials);
        instance_volumes_done(instance);
        free(instance->newer_status);
        free(instance->newer_phase);
        json_object_put(instance->newer_members);
        json_object_put(instance->newer_timeline);
        json_object_put(instance->newer_secrets);
        product_unref(instance->product);
        free(instance);
        return NULL;
}
