/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/linkhash.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "core/model/address-pool.h"
#include "core/model/instance-url.h"
#include "core/model/limits.h"
#include "core/model/user-range.h"
#include "core/ports.h"
#include "core/registry/admission.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/registry/hooks.h"
#include "core/registry/storage.h"
#include "core/registry/watch.h"

/* What the rooms of core share; nobody outside of core includes this. */

#define MANAGER_STORE_TIMEOUT_USEC (5 * UINT64_C(1000000))

typedef struct Job Job;
typedef struct Request Request;
typedef struct Sweep Sweep;
typedef struct UsageLook UsageLook;

/* How far the store is (recovery/generation.h). */
typedef struct Generation {
        uint64_t store; /* as the store answered last; 0: it has none */
        uint64_t written; /* as the file has it; 0: there is none */
        uint64_t found, expected; /* where the store was found behind: what it had, and the file; else 0 */
        bool settled; /* … but by now it knows of all that there is */
        bool write_failed; /* that was told */
        bool noted; /* the file says that it was behind */
        sd_event_source *writing;
        Pending *settling;
} Generation;

struct Manager {
        const ManagerHooks *hooks;
        const struct Plan *const *plans; /* ends with NULL */
        const struct Action *verbs; /* ends with a NULL name */
        sd_event *event;
        EnginePort *engine;
        StorePort *store;
        ProbePort *probe;
        IsolationPort *isolation; /* NULL: instances need not be kept apart */

        char *base_url, *deployment, *compose_dir;
        bool base_url_is_guess; /* instances that have another link keep it */
        ApplicationsAddress applications;
        uint64_t expires_usec, tombstone_usec;
        unsigned stop_s, database_stop_s;
        unsigned workers, queue_max, retry_max, instances_max;
        unsigned quota_total, quota_identity, quota_rate;
        InstanceLimits limits;
        Admission admission;
        UserRange users;
        uint32_t last_uid; /* that was given to an instance */

        /* id → object, in order of creation. */
        struct lh_table *instances;
        struct lh_table *products;
        AddressPool *addresses;

        bool loaded;
        bool marked; /* the store has been this deployment's before: what it does not know belongs to nobody */
        char *marked_for; /* another deployment whose store it was, or NULL */
        char **damaged; /* ids of instances with records that could not be read: theirs is left alone */
        char **damaged_keys; /* of all records that could not be read: "product:shop" */
        Generation generation; /* of the store (generation.h) */
        struct Rewrite *rewrite; /* of an emptied store (rewrite.h) */
        uint64_t rewritten_usec; /* when that was last done, CLOCK_REALTIME; 0: never */
        struct lh_table *unknown; /* id → Unknown (unknown.h); NULL where there was never one */
        unsigned unknown_serial; /* changes with them */
        bool unknown_changed; /* since they were reported */
        uint64_t pruned_usec; /* when old marks of deletions were last looked for, CLOCK_MONOTONIC */
        Pending *loading;
        bool load_starved; /* not all of it could be kept, for want of memory */
        char **buried; /* ids of instances whose record an older store has brought back */
        Pending *burying; /* … which the store is told */
        char **stale_jobs; /* read, and of no use any more */
        Pending *dropping; /* … which the store is told */
        struct lh_table *loading_secrets; /* id → parsed record, while loading */
        sd_event_source *retry;

        struct Doubts *doubts; /* writes that were never answered (doubts.h) */

        Job *queue_first, *queue_last;
        unsigned n_queued;
        unsigned n_running[2]; /* of what makes instances at 1, of all others at 0 */

        Sweep *sweep; /* for what belongs to nobody (upkeep/sweep.h) */
        sd_event_source *sweep_retry; /* when the next begins, after one that failed */
        unsigned sweep_failures; /* one after the other */
        sd_event_source *upkeep; /* when all is looked at again (upkeep/timer.c) */
        sd_event_source *health_timer; /* when instances are asked next whether they answer (health.h) */
        unsigned n_asked; /* instances just now */
        char **lost; /* volumes of instances that are gone, sorted (upkeep/lost.c) */
        bool containers_gone; /* of some instance; its volumes may follow */
        char **ownerless; /* volumes of nobody, sorted (upkeep/ownerless.c) */
        sd_event_source *ownerless_look; /* when they are looked at again */
        bool compose_waits; /* some compose files wait for what only the engine knows */
        struct ComposeTending *tending; /* of compose files (upkeep/compose-files.h) */
        struct Change *changes; /* writes of requests that are under way */

        uint64_t retained_usec; /* when old records were last looked for (retention.h), CLOCK_MONOTONIC */
        Pending *retaining;

        uint64_t started_usec; /* CLOCK_MONOTONIC */
        int64_t clock_usec; /* how far CLOCK_REALTIME was ahead of CLOCK_BOOTTIME then */
        TAILQ_HEAD(, Request) held; /* requests of the first moments (verbs/hold.h) */
        sd_event_source *hold_deadline;

        Storage storage; /* how much room instances take up (storage.h) */
        TAILQ_HEAD(, UsageLook) usage_looks; /* at what instances use, under way (verbs/usage.c) */

        Counters counters;

        ManagerWatch *watches;
        bool notifying;
};
