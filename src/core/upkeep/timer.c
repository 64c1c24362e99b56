/* SPDX-License-Identifier: MIT */

/* What the engine did not tell: an event that it dropped, or that there is none for. */

#include "core/upkeep/timer.h"

#include "basic/time-util.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/deletion-mark.h"
#include "core/upkeep/sweep.h"

#define UPKEEP_USEC     (5 * USEC_PER_MINUTE)
#define UPKEEP_ACCURACY (10 * USEC_PER_SEC)

static int on_upkeep(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        upkeep_start(m);
        deletion_prune(m);
        sweep_run(m);
        return 0;
}

void upkeep_start(Manager *m)
{
        m->upkeep = sd_event_source_disable_unref(m->upkeep);
        manager_call_later(m, UPKEEP_USEC, UPKEEP_ACCURACY, on_upkeep, m, &m->upkeep);
}
