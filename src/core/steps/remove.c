/* SPDX-License-Identifier: MIT */

/* Steps that take away what an instance has: what deleting does, and creating undoes. */

#include "core/steps/remove.h"

#include <errno.h>

#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/job/deadline.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/run.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/state.h"
#include "core/spec/compose-file.h"
#include "core/spec/deletion-mark.h"
#include "core/steps/volumes.h"

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

/* The last step: all of it is gone, so whatever brings its record back is wrong. */
static int step_mark_deleted(StepRun *run)
{
        int r = step_remove_compose(run);

        if (r >= 0)
                deletion_mark(run->job->manager, run->job->instance->id, now_realtime());
        return r;
}

enum { REMOVE_APP, REMOVE_DATABASE, REMOVE_VOLUME, REMOVE_REST, REMOVE_NETWORK, REMOVE_COMPOSE };

static uint64_t deadline_usec(const Job *job)
{
        return REMOVAL_DEADLINE_USEC;
}

/* The end of a create may have been written over its beginning. */
static bool is_stale(const Instance *i)
{
        return i->status == INSTANCE_DELETED;
}

static const Step delete_steps[] = {
        [REMOVE_APP] = { "remove-app", PHASE_APP, .start = step_remove_app },
        [REMOVE_DATABASE] = { "remove-database", PHASE_DATABASE, .database_only = true,
                        .start = step_remove_database },
        [REMOVE_VOLUME] = { "remove-volume", PHASE_VOLUME, .after = BIT(REMOVE_DATABASE),
                        .database_only = true, .start = step_remove_volume },
        [REMOVE_REST] = { "remove-rest", PHASE_VOLUME,
                        .after = BIT(REMOVE_APP) | BIT(REMOVE_DATABASE) | BIT(REMOVE_VOLUME),
                        .start = step_remove_rest },
        [REMOVE_NETWORK] = { "remove-network", PHASE_NETWORK, .after = BIT(REMOVE_REST),
                        .start = step_remove_network },
        [REMOVE_COMPOSE] = { "remove-compose", PHASE_QUEUED, .after = BIT(REMOVE_NETWORK),
                        .start = step_mark_deleted },
};
const Plan delete_plan = {
        .name = ARK_JOB_DELETE,
        .removes = true,
        .message = "Being deleted",
        .failure_message = "It could not be deleted whole; delete it again",
        .ended_id = MESSAGE_INSTANCE_DELETED,
        .failed_id = MESSAGE_DELETE_FAILED,
        .is_stale = is_stale,
        .steps = delete_steps,
        .n_steps = ELEMENTSOF(delete_steps),
        .deadline_usec = deadline_usec,
};
