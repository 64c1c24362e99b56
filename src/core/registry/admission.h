/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "core/ports.h"
#include "core/registry/context.h"

/* What the host has left, read anew at most once a second. */

/* What the host must have left for another instance to be made; 0 is not looked at. */
typedef struct AdmissionBounds {
        uint64_t disk, memory; /* bytes */
        unsigned pressure; /* percent */
} AdmissionBounds;

typedef struct Admission {
        AdmissionBounds bounds;
        HostState state; /* of the engine's host, as of then: */
        uint64_t read_usec; /* CLOCK_MONOTONIC; 0: never */
} Admission;

/* The manager owns it; valid until the next call. */
const HostState *admission_host_state(Manager *manager);
/* Where the engine keeps all that it has; "" while that is not known. */
const char *admission_engine_root(Manager *manager);
