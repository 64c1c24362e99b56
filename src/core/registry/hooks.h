/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/registry/context.h"

/* How a job came to its end, for what follows from it. */
typedef struct JobEnd {
        const struct Plan *plan;
        bool ran; /* it had a worker */
        bool resumed; /* a daemon before this one had begun it */
        bool unanswered; /* the engine did not say what became of something */
        bool deleted; /* its instance is gone with it */
} JobEnd;

/* What a room asks of those above it. The roof sets all of them before anything runs (core/hooks.c). */
typedef struct ManagerHooks {
        /* Something may have happened to the containers of that instance: they are inspected. */
        void (*check)(Manager *manager, const char *instance_id);
        /* The engine may have what nobody owns: all of it is listed, now or in a while. */
        void (*sweep)(Manager *manager);
        void (*sweep_later)(Manager *manager);
        /* The instance leaves the registry: what is under way on it ends. */
        void (*forget)(Instance *instance);
        /* The store was emptied: it is given all that is known. */
        void (*rewrite)(Manager *manager);
        /* What a store that is behind has to be told has been told: doubtful writes are settled, or the compose files
         * have been gone through. */
        void (*settled)(Manager *manager);
        /* Something of the instance has changed that its compose file tells. */
        void (*compose_changed)(Manager *manager, const Instance *instance);
        /* The job is gone; the instance may have its successor already. */
        void (*job_ended)(Manager *manager, Instance *instance, const JobEnd *end);
} ManagerHooks;
