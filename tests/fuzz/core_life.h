/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/context.h"
#include "fake_ports.h"

/* Lives of a manager on the ports of core's unit tests, whose store stays from one to the next. */

/* What it has when it has come to rest. */
typedef struct LifeCount {
        unsigned n_instances, n_products, n_running;
} LifeCount;

FakePorts *life_new(void);
void life_free(FakePorts *p);

/* It has loaded, and each instance has a job or waits for none. */
Manager *life_start(FakePorts *p);
void life_stop(FakePorts *p, Manager *m);

/* Runs until nothing is left to happen: no job, and no instance on its way. */
LifeCount life_run(FakePorts *p, Manager *m);
