/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/linkhash.h>
#include <sys/queue.h>

#include "core/address-pool.h"
#include "core/counters.h"
#include "core/job.h"
#include "core/manager.h"

#define MANAGER_STORE_TIMEOUT_USEC (5 * UINT64_C(1000000))

typedef struct Sweep Sweep;
typedef struct UsageLook UsageLook;

struct ManagerWatch {
        Manager *manager;
        ManagerEventHandler handler;
        void *userdata;
        ManagerWatch *next;
};

struct Manager {
        sd_event *event;
        EnginePort *engine;
        StorePort *store;
        ProbePort *probe;

        char *base_url, *deployment, *compose_dir;
        uint64_t expires_usec, tombstone_usec;
        unsigned workers, queue_max, retry_max, instances_max;
        unsigned quota_total, quota_identity, quota_rate;

        /* id → object, in order of creation. */
        struct lh_table *instances;
        struct lh_table *products;
        AddressPool *addresses;

        bool loaded;
        bool marked; /* the store has been this deployment's before: what it does not know belongs to nobody */
        char *marked_for; /* another deployment whose store it was, or NULL */
        size_t unknown_told; /* things in the engine that a new store knows nothing of, as last told */
        char **damaged; /* ids of instances with records that could not be read: theirs is left alone */
        Pending *loading;
        bool load_starved; /* not all of it could be kept, for want of memory */
        char **stale_jobs; /* read, and of no use any more */
        Pending *dropping; /* … which the store is told */
        struct lh_table *loading_secrets; /* id → parsed record, while loading */
        sd_event_source *retry;

        struct Doubts *doubts; /* writes that were never answered (settle.c) */

        Job *queue_first, *queue_last;
        unsigned n_queued;
        unsigned n_running[2]; /* of creates at 1, of all others at 0 */

        Sweep *sweep; /* for what belongs to nobody (reconcile.h) */
        sd_event_source *sweep_retry; /* when the next begins, after one that failed */
        unsigned sweep_failures; /* one after the other */
        sd_event_source *upkeep; /* when all is looked at again (reconcile-upkeep.c) */
        char **ownerless; /* volumes of nobody, sorted (reconcile-volumes.c) */
        sd_event_source *ownerless_look; /* when they are looked at again */
        struct ComposeTending *tending; /* of compose files (compose.h) */
        struct Change *changes; /* writes of requests that are under way */

        uint64_t retained_usec; /* when old records were last looked for (retention.h), CLOCK_MONOTONIC */
        Pending *retaining;

        uint64_t started_usec; /* CLOCK_MONOTONIC */
        int64_t clock_usec; /* how far CLOCK_REALTIME was ahead of CLOCK_BOOTTIME then */
        TAILQ_HEAD(, Request) held; /* requests of the first moments (hold.h) */
        sd_event_source *hold_deadline;

        TAILQ_HEAD(, UsageLook) usage_looks; /* at what instances use, under way (action-usage.c) */

        Counters counters;

        ManagerWatch *watches;
        bool notifying;
};

/* Registry. The manager owns what is added; -ENOMEM leaves it with the caller. */
int manager_add_instance(Manager *manager, Instance *instance);
void manager_remove_instance(Manager *manager, Instance *instance);
/* Adds or replaces; takes a reference. */
int manager_put_product(Manager *manager, Product *product);
void manager_remove_product(Manager *manager, const char *id);
/* Also those that are not stored yet. */
Instance *manager_find_instance(Manager *manager, const char *id);

void manager_notify(Manager *manager, ManagerEvent event, Instance *instance, Product *product);

/* What nobody would come back to any more: the daemon ends, so that the service manager starts it anew and what is stored
 * is resumed. what: a sentence without its end, for the journal. */
void manager_begin_anew(Manager *manager, int error, const char *what);

/* How far the clock has been set forward since the manager was started; 0 where it was not, or back. Time that the host
 * was suspended has passed, and does not count. */
uint64_t manager_clock_set_forward(const Manager *manager);

/* Calls handler once, that much later (µs, and how much later still it may be); where no timer can be had, begins anew.
 * *ret_timer must be NULL. */
void manager_call_later(Manager *manager, uint64_t usec, uint64_t accuracy, sd_event_time_handler_t handler,
                void *userdata, sd_event_source **ret_timer);

/* queue.c: at most workers run at once. */
void manager_queue_job(Manager *manager, Job *job);
void manager_unqueue_job(Manager *manager, Job *job);
void manager_run_queue(Manager *manager);
void manager_job_ended(Manager *manager, JobKind kind);

/* Gives the instance's addresses back, once. used: its ingress address may have been reached by somebody. */
void manager_release_addresses(Manager *manager, Instance *instance, bool used);

/* settle.c. Whether what failed so may have been done all the same. */
bool store_error_is_doubtful(int error);
/* Remembers that it is not known what the store has of an instance or product; it is given what is right when it
 * is back: the record as it is here, or none. */
void manager_doubt(Manager *manager, StoreKind kind, const char *id);
/* The same of one whose creation was taken back. Until it is settled, its idempotency key may stand for it. */
void manager_doubt_creation(Manager *manager, const Instance *instance);
bool manager_doubts_key(const Manager *manager, const char *key);
/* The same after a change of a product ended so; what is doubtful already is written again after a success. */
void manager_doubt_product(Manager *manager, const char *id, int error);
void manager_settle(Manager *manager);
void manager_settle_cancel(Manager *manager);

/* manager-load.c: reads the registry when the store is there. */
void manager_load(Manager *manager);
void manager_load_cancel(Manager *manager);
