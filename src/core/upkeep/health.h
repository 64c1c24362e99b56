/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/registry/context.h"

/*
 * Whether what runs also answers. Each instance that has been ready is asked on its product's health path about twice a
 * minute; what no longer answers is failed until it does again. And what a job sees to when it starts an instance is
 * seen to when the engine has started it: that its database came first.
 */

struct InstanceHealth {
        Manager *manager;
        Instance *instance;
        Pending *pending; /* what is asked just now */
        uint64_t due_usec; /* when it is asked again, CLOCK_MONOTONIC */
        uint64_t begun_usec; /* when it was asked last */
        uint64_t failing_usec; /* since when it does not answer; 0: it does */
        char *fault; /* why it counts as failed; NULL: it does not */

        /* health-order.c */
        uint64_t ordering_usec; /* since when its order is being looked into; 0: it is not */
        uint64_t app_started_usec,
                        refused_usec; /* CLOCK_REALTIME; the latter: when its database last did not answer */
        void (*ordered)(InstanceHealth *health, bool may_ask); /* once that is done with; of health.c */
        bool database_answers;
        bool restarting; /* its application is being started again */
        bool restarted; /* … or was, since the engine was last met */
};

/* Its containers run: from now on it is asked. Does nothing where it is asked already, or must not be. */
void health_watch(Manager *manager, Instance *instance);
/* A job has found it well: what was known of it is so no longer. */
void health_renew(Manager *manager, Instance *instance);
/* It is asked no more. */
void health_forget(Instance *instance);
/* Why it counts as failed though its containers run, or NULL. */
const char *health_get_fault(const Instance *instance);
/* Its application is being started again: that it does not run just now says nothing. */
bool health_is_restarting(const Instance *instance);

/* The engine has been met, anew maybe: what it runs, it may have started by itself. */
void health_on_engine_connected(Manager *manager);
void health_done(Manager *manager);
