/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/product.h"

typedef struct Job Job;
typedef struct InstanceCheck InstanceCheck;

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
int instance_status_from_string(const char *s); /* -EINVAL */
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
        char *access_url;
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

        /* Secrets; in secret:<id>, never in instance:<id>. */
        char *database_password; /* NULL without a database */
        char *access_token;
        struct json_object *credentials; /* as its customer is given them, filled in; NULL for none */
        StringPairs secrets; /* by name of ${SECRET:name} */

        Product *product; /* as deployed; NULL where it is gone and the instance is too */
        Job *job; /* that is under way on it, or NULL */
        InstanceCheck *check; /* a look at its containers that is under way (reconcile.h), or NULL */
        /* When a job failed and said so, CLOCK_REALTIME: that its containers run does not refute it. 0: it stands no more */
        uint64_t verdict_usec;
        bool revived; /* … but they were started since, or the application became healthy, by an event */
        unsigned revived_restarts; /* by the engine, as of the last look since then */
        unsigned listed_running; /* of its containers, while a list of all is taken in (reconcile.h) */
        bool stored; /* the store has it: until then nobody but its creator's request knows of it */
} Instance;

/* Names of what belongs to an instance; all follow from its id. */
typedef struct InstanceNames {
        char database[INSTANCE_ID_LENGTH + 8];
        char volume[INSTANCE_ID_LENGTH + 16];
        char network[INSTANCE_ID_LENGTH + 8];
        char bridge[16];
        char slice[INSTANCE_ID_LENGTH + 16];
        char base_path[INSTANCE_ID_LENGTH + 16];
} InstanceNames;

void instance_names(const Instance *instance, InstanceNames *ret);

Instance *instance_free(Instance *instance);
DEFINE_CLEANUP_FUNC(Instance, instance_free);

/* Whether it has something in the engine, or may: it holds addresses, and its product is in use. */
bool instance_has_resources(const Instance *instance);

/* Whether its create failed and could not be undone whole; it has never been ready then. */
bool instance_is_left_behind(const Instance *instance);

/* For so long the key with which it was created answers with it. */
#define IDEMPOTENCY_TTL_USEC USEC_PER_DAY
/* Whether it was created with a key that does so still. now_usec: CLOCK_REALTIME. */
bool instance_is_repeatable(const Instance *instance, uint64_t now_usec);

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
