/* SPDX-License-Identifier: MIT */

/* Steps that take away what an instance has: what deleting does, and creating undoes. */

#include <errno.h>

#include "basic/time-util.h"
#include "core/compose.h"
#include "core/job.h"
#include "core/manager-internal.h"

#define REMOVE_TIMEOUT_USEC (60 * USEC_PER_SEC)
/* A volume that is still in use after this … */
#define VOLUME_TIMEOUT_USEC (3 * USEC_PER_SEC)
/* … is freed of what came to use it meanwhile, and tried again this often. */
#define VOLUME_ATTEMPTS 20

int step_remove_app(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->remove_container(engine, run->job->instance->id, REMOVE_TIMEOUT_USEC,
                        step_on_done, run, &run->pending);
}

int step_remove_database(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        InstanceNames names;

        instance_names(run->job->instance, &names);
        return engine->vtable->remove_container(
                        engine, names.database, REMOVE_TIMEOUT_USEC, step_on_done, run, &run->pending);
}

static void on_volume_removed(int error, const char *reason, void *userdata);

static void on_volume_freed(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        int r;

        run->pending = NULL;
        r = error < 0 ? error : remove_volume_then(run, run->then);
        if (r < 0)
                run->then(r, reason, run);
}

/*
 * The engine goes on with what it was asked by a daemon that died: the container of the database may come to be after
 * it was looked for, and holds the volume.
 */
static void on_volume_removed(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        EnginePort *engine = run->job->manager->engine;
        InstanceNames names;

        run->pending = NULL;
        instance_names(run->job->instance, &names);
        if ((error == -ETIMEDOUT || error == -EBUSY) && ++run->stage < VOLUME_ATTEMPTS &&
                        !run->job->overdue &&
                        engine->vtable->remove_container(engine, names.database, REMOVE_TIMEOUT_USEC,
                                        on_volume_freed, run, &run->pending) >= 0)
                return;
        run->then(error, reason, run);
}

int remove_volume_then(StepRun *run, PortDone then)
{
        EnginePort *engine = run->job->manager->engine;
        InstanceNames names;

        run->then = then;
        instance_names(run->job->instance, &names);
        return engine->vtable->remove_volume(
                        engine, names.volume, VOLUME_TIMEOUT_USEC, on_volume_removed, run, &run->pending);
}

int step_remove_volume(StepRun *run)
{
        return remove_volume_then(run, step_on_done);
}

int step_remove_network(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        InstanceNames names;

        instance_names(run->job->instance, &names);
        return engine->vtable->remove_network(
                        engine, names.network, REMOVE_TIMEOUT_USEC, step_on_done, run, &run->pending);
}

int step_remove_compose(StepRun *run)
{
        int r = compose_remove(run->job->manager->compose_dir, run->job->instance->id);

        return r < 0 ? r : 1;
}

enum { REMOVE_APP, REMOVE_DATABASE, REMOVE_VOLUME, REMOVE_NETWORK, REMOVE_COMPOSE };

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
