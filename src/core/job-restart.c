/* SPDX-License-Identifier: MIT */

/* The steps that restart an instance: its database first, then the application, each until it answers. */

#include "basic/time-util.h"
#include "core/job.h"
#include "core/manager-internal.h"
#include "core/spec.h"

#define RESTART_TIMEOUT_USEC (60 * USEC_PER_SEC)

static int restart(StepRun *run, const char *name)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->restart_container(
                        engine, name, RESTART_TIMEOUT_USEC, step_on_done, run, &run->pending);
}

static int start_restart_database(StepRun *run)
{
        return restart(run, run->job->spec->names.database);
}

static int start_restart_app(StepRun *run)
{
        return restart(run, run->job->instance->id);
}

enum { RESTART_DATABASE, RESTART_LOGIN, RESTART_APP, RESTART_HEALTH };

const Step restart_steps[] = {
        [RESTART_DATABASE] = { "restart-database", PHASE_DATABASE, .database_only = true,
                        .start = start_restart_database },
        [RESTART_LOGIN] = { "database-login", PHASE_DATABASE, .after = BIT(RESTART_DATABASE),
                        .database_only = true, .abortable = true, .start = start_login },
        [RESTART_APP] = { "restart-app", PHASE_APP, .after = BIT(RESTART_LOGIN),
                        .start = start_restart_app },
        [RESTART_HEALTH] = { "health", PHASE_HEALTH, .after = BIT(RESTART_APP), .abortable = true,
                        .start = start_health },
};
const size_t n_restart_steps = ELEMENTSOF(restart_steps);
