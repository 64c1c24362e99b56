/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/instance.h"
#include "core/registry/context.h"

/*
 * A plan is a kind of job: a table of idempotent steps, and what else is that kind's own. The state machine (run.h) knows
 * no kind by name; all of them stand in steps/plans.c.
 */

typedef struct Job Job;
typedef struct StepRun StepRun;

/* One row of a plan's table. */
typedef struct Step {
        const char *name;
        InstancePhase phase;
        uint32_t after; /* bits of the steps that must be done before */
        uint32_t after_database; /* the same, where the product needs its database first */
        bool database_only; /* not wanted where the product has none */
        bool abortable; /* cancelling it leaves nothing half-made in the engine */
        /* Each starts asynchronous work that ends in step_done(), or answers a negative errno. */
        int (*start)(StepRun *run);
        int (*undo)(StepRun *run); /* NULL: nothing to undo */
} Step;

typedef struct Plan {
        const char *name; /* in records, ids, logs and metrics: "create" (names.h) */
        const Step *steps;
        size_t n_steps;

        /* Its instance comes with it: it is there once the intent is stored, is shown how far it has come, and with what
         * fails goes all that was made. Such jobs have workers of their own, and none while instances would not be kept
         * apart. */
        bool makes;
        /* Its instance goes with it: what cannot be removed is tried again, what is a stranger's is left. */
        bool removes;

        /* For people: while it waits and runs (NULL: its steps tell), and once it has failed. */
        const char *message, *failure_message;
        const char *ended_id, *failed_id; /* of the journal's message (basic/messages.h) */

        /* Whether a record of it is of no use any more, as the instance is by now. */
        bool (*is_stale)(const Instance *instance);
        /* What its steps make; 0 or a negative errno. NULL: nothing. */
        int (*make_spec)(Job *job);
        /* How long it may take, in µs. */
        uint64_t (*deadline_usec)(const Job *job);
        /* The engine is back. NULL: nothing to do. */
        void (*engine_connected)(Job *job);
        /* It has failed, and nothing of it is undone: puts right what has been begun, then calls job_end(). NULL: nothing to
         * put right. */
        void (*failed)(Job *job);
        /* Frees what its steps have in the job. NULL: nothing. */
        void (*release)(Job *job);
} Plan;

/* The plan of that name; NULL where this version has none. */
const Plan *plan_find(const Manager *manager, const char *name);
/* Where it stands among the plans: less than PLANS_MAX. */
size_t plan_index(const Manager *manager, const Plan *plan);
