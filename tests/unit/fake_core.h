/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/registry/counters.h"
#include "core/registry/watch.h"
#include "core/verbs/request.h"

/*
 * A core that is only as much as HTTP sees of one: verbs that answer with the arguments they were given, and a
 * manager with one instance that the test changes as it likes. Requests are core's own.
 */
#define FAKE_ID "client_abcdefghijkl"

struct Manager {
        sd_event *event;
        bool loaded, engine_connected, store_connected;
        Instance instance; /* FAKE_ID */
        ManagerEventHandler handler;
        void *handler_userdata;
        unsigned n_waiting; /* requests of GET /api/forever that are alive */
        Request *waiting; /* the newest of them */
        ApplicationsAddress applications;
        Counters counters;
        struct json_object *metrics; /* what GET /metrics is made of */
        Fault fault; /* what GET /api/fault fails with */
};

void fake_manager_init(Manager *manager, sd_event *event);
/* Tells the watch that the instance has changed. */
void fake_manager_changed(Manager *manager, InstanceStatus status, InstancePhase phase);
