/* SPDX-License-Identifier: MIT */
#include "core/registry/admission.h"

#include "basic/time-util.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"

/* So long a reading is good. */
#define READING_USEC USEC_PER_SEC

const HostState *admission_host_state(Manager *m)
{
        Admission *a = &m->admission;
        uint64_t now = now_monotonic();

        if (a->read_usec == 0 || now - a->read_usec >= READING_USEC) {
                m->engine->vtable->read_host(m->engine, &a->state);
                a->read_usec = now;
        }
        return &a->state;
}

const char *admission_engine_root(Manager *m)
{
        return strempty(admission_host_state(m)->engine_root);
}
