/* SPDX-License-Identifier: MIT */

/* Steps that take away what an instance has: what deleting does, and creating undoes. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/time-util.h"
#include "core/job.h"
#include "core/manager-internal.h"

#define REMOVE_TIMEOUT_USEC (60 * USEC_PER_SEC)

static void on_removed(int error, const char *reason, void *userdata)
{
        step_done(userdata, error, reason);
}

int step_remove_app(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->remove_container(
                        engine, run->job->instance->id, REMOVE_TIMEOUT_USEC, on_removed, run, &run->pending);
}

int step_remove_database(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        InstanceNames names;

        instance_names(run->job->instance, &names);
        return engine->vtable->remove_container(
                        engine, names.database, REMOVE_TIMEOUT_USEC, on_removed, run, &run->pending);
}

int step_remove_volume(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        InstanceNames names;

        instance_names(run->job->instance, &names);
        return engine->vtable->remove_volume(
                        engine, names.volume, REMOVE_TIMEOUT_USEC, on_removed, run, &run->pending);
}

int step_remove_network(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        InstanceNames names;

        instance_names(run->job->instance, &names);
        return engine->vtable->remove_network(
                        engine, names.network, REMOVE_TIMEOUT_USEC, on_removed, run, &run->pending);
}

int step_remove_compose(StepRun *run)
{
        _cleanup_free_ char *path = NULL;

        path = str_printf("%s/compose.%s.yml", run->job->manager->compose_dir, run->job->instance->id);
        if (!path)
                return -ENOMEM;
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        return 1;
}

enum { REMOVE_APP, REMOVE_DATABASE, REMOVE_VOLUME, REMOVE_NETWORK, REMOVE_COMPOSE };

#define BIT(n) (1u << (n))

const Step delete_steps[] = {
        [REMOVE_APP] = { "remove-app", PHASE_APP, .start = step_remove_app },
        [REMOVE_DATABASE] = { "remove-database", PHASE_DATABASE, .database_only = true,
                        .start = step_remove_database },
        [REMOVE_VOLUME] = { "remove-volume", PHASE_VOLUME, .after = BIT(REMOVE_DATABASE),
                        .database_only = true, .start = step_remove_volume },
        [REMOVE_NETWORK] = { "remove-network", PHASE_NETWORK,
                        .after = BIT(REMOVE_APP) | BIT(REMOVE_DATABASE), .start = step_remove_network },
        [REMOVE_COMPOSE] = { "remove-compose", PHASE_QUEUED,
                        .after = BIT(REMOVE_NETWORK) | BIT(REMOVE_VOLUME), .start = step_remove_compose },
};
const size_t n_delete_steps = ELEMENTSOF(delete_steps);
