/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/model/limits.h"
#include "core/model/product.h"

typedef struct Job Job;
typedef struct InstanceCheck InstanceCheck;
typedef struct InstanceHealth InstanceHealth;
typedef struct InstanceVolume InstanceVolume;

/* client_ and 12 characters of a-z2-7. */
#define INSTANCE_ID_PREFIX "client_"
#define INSTANCE_ID_RANDOM 12
#define INSTANCE_ID_LENGTH (sizeof INSTANCE_ID_PREFIX - 1 + INSTANCE_ID_RANDOM)

typedef enum InstanceStatus {
        INSTANCE_PENDING,
        INSTANCE_RUNNING,
        INSTANCE_FAILED,
        INSTANCE_DELETING,
        INSTANCE_DELETED,
        INSTANCE_NEWER, /* of a newer version, which this one leaves alone until it is told to delete it */
        _INSTANCE_STATUS_MAX,
} InstanceStatus;

typedef enum InstancePhase {
        PHASE_QUEUED,
        PHASE_IMAGE,
        PHASE_NETWORK,
        PHASE_VOLUME,
        PHASE_DATABASE,
        PHASE_APP,
        PHASE_HEALTH,
        PHASE_READY,
        _PHASE_MAX,
} InstancePhase;

const char *instance_status_to_string(InstanceStatus status);
int instance_status_from_string(const char *s); /* -EINVAL; never INSTANCE_NEWER */
const char *instance_phase_to_string(InstancePhase phase);
int instance_phase_from_string(const char *s);

#define TIMELINE_UNSET UINT64_MAX

/* The message of one that runs, and nothing is wrong with it. */
extern const char instance_ready_message[];

/* One customer's copy of a product. */
typedef struct Instance {
        char *id;
        char *product_id;
        char *client_name;
        char *owner; /* the creator's identity, for quotas; operators only see it */
        char *idempotency_key; /* with which it was created, or NULL */
        InstanceStatus status;
        InstancePhase phase;
        double progress; /* 0 to 1 */
        unsigned queue_position; /* of its job, from 1; 0 while it does not wait */
        char *message; /* a sentence for people */
        char *error_step, *error_reason, *error_log;
        char *access_url; /* its link */
        char *public_url; /* what its application was told; NULL: its link (instance-url.h) */
        uint64_t created_usec; /* CLOCK_REALTIME */
        uint64_t expires_usec; /* UINT64_MAX: never */
        bool kept; /* an operator has set the expiry: no age given to Cleanup overrides it */
        unsigned expiry_writes; /* new expiries on their way to the store; while there are any, it has these: */
        uint64_t stored_expires_usec;
        bool stored_kept;
        uint64_t deleted_usec; /* 0 while it is not */
        uint64_t timeline[_PHASE_MAX]; /* ms from creation until the phase was reached, or TIMELINE_UNSET */

        /* How it is reached and laid out; kept in the record so that a restart needs no product. */
        char *subnet; /* of <id>_net; NULL once its addresses have been given back */
        char *ingress_address; /* fixed, on ark_production */
        char *upstream; /* ADDRESS:PORT while running */
        PrefixMode prefix;
        bool has_database;
        bool has_database_alias; /* its application is told of it: one of before is not made again for that */
        bool has_limits; /* it is of a version that settled them */
        InstanceLimits limits;
        uint32_t uid; /* that its application runs as and nobody else does; 0: what product or image says */
        bool secure_cookies; /* its application set some when it was last probed */
        char *database_stop_signal; /* where its image does not say how it is stopped; else NULL */
        InstanceVolume *volumes; /* beside its database's (instance-volume.h) */
        size_t n_volumes;

        /* Secrets; in secret:<id>, never in instance:<id>. */
        char *database_password; /* NULL without a database */
        char *access_token;
        char *access_token_sha256; /* of one that was taken back from its compose file, instead; in hexadecimal */
        struct json_object *credentials; /* as its customer is given them, filled in; NULL for none */
        StringPairs secrets; /* by name of ${SECRET:name} */

        /* Of a record that a newer version has written, what this one does not know; NULL: nothing (instance-newer.h). */
        struct json_object *newer_members, *newer_timeline, *newer_secrets;
        char *newer_status, *newer_phase; /* as stored, while its status is INSTANCE_NEWER */

        Product *product; /* as deployed; NULL where it is gone and the instance is too */
        Job *job; /* that is under way on it, or NULL */
        InstanceCheck *check; /* a look at its containers that is under way (upkeep/check.h), or NULL */
        InstanceHealth *health; /* whether it answers (health.h), or NULL */
        /* When a job failed and said so, CLOCK_REALTIME: that its containers run does not refute it. 0: it stands no more */
        uint64_t verdict_usec;
        bool revived; /* … but they were started since, or the application became healthy, by an event */
        unsigned revived_restarts; /* by the engine, as of the last look since then */
        unsigned listed_containers;
        bool listed_volume; /* its database's; while a list of all is taken in, as the next (upkeep/lost.h, upkeep/compare.h) */
        unsigned listed_running; /* of its containers, while a list of all is taken in (upkeep/lost.h, upkeep/compare.h) */
        bool doubted; /* the store was behind, so its job has not been resumed (behind.h) */
        bool stored; /* the store has it: until then nobody but its creator's request knows of it */
} Instance;

/* For people and records. */
const char *instance_status_text(const Instance *instance);
const char *instance_phase_text(const Instance *instance);

Instance *instance_free(Instance *instance);
DEFINE_CLEANUP_FUNC(Instance, instance_free);

/* What is gone needs none. */
void instance_erase_secrets(Instance *instance);

/* Whether it has something in the engine, or may: it holds addresses, and its product is in use. */
bool instance_has_resources(const Instance *instance);

/* The image that its application was made from, whatever its product says by now; NULL where nothing of it is left. */
const char *instance_image(const Instance *instance);

/* What its operator should know of one that is well by itself, as a sentence; NULL for nothing. */
const char *instance_warning(const Instance *instance);

/* Whether its create failed and could not be undone whole; it has never been ready then. */
bool instance_is_left_behind(const Instance *instance);

/* For so long the key with which it was created answers with it. */
#define IDEMPOTENCY_TTL_USEC USEC_PER_DAY
/* Whether it was created with a key that does so still. now_usec: CLOCK_REALTIME. */
bool instance_is_repeatable(const Instance *instance, uint64_t now_usec);

/* What its containers may use. One that was made before limits were settled keeps what its product said. */
InstanceLimits instance_get_limits(const Instance *instance);

/* A copy of text in which the instance's secrets are blotted out; NULL when out of memory. */
char *instance_redact(const Instance *instance, const char *text);

/* Who and what, for log lines; valid while the instance is. */
void instance_get_log_context(const Instance *instance, LogContext *ret);

/* True for what instance ids look like; nothing else ever reaches a path, a key or an engine. */
bool instance_id_is_valid(const char *id);

/* What of an instance is in a JSON document. */
typedef enum InstanceView {
        INSTANCE_VIEW_VISITOR, /* without log, owner and layout */
        INSTANCE_VIEW_OPERATOR,
        INSTANCE_VIEW_RECORD, /* as stored */
} InstanceView;

/* A new object, or NULL when out of memory. Never holds a secret. */
struct json_object *instance_to_json(const Instance *instance, InstanceView view);
/* The secret record. */
struct json_object *instance_secrets_to_json(const Instance *instance);
/* From a record as stored. -EINVAL where it is damaged. */
int instance_new_from_record(struct json_object *record, Instance **ret);
int instance_load_secrets(Instance *instance, struct json_object *secrets);
