/* SPDX-License-Identifier: MIT */

/* The steps that make an instance. */

#include "core/steps/create.h"

#include <errno.h>

#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/run.h"
#include "core/model/address-pool.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/compose-file.h"
#include "core/spec/spec.h"
#include "core/steps/probe.h"
#include "core/steps/remove.h"
#include "core/steps/volumes.h"

#define ENGINE_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define PULL_TIMEOUT_USEC   (30 * USEC_PER_MINUTE) /* the job's own deadline is usually earlier */

/* ---- Compose file ---- */

int step_write_compose(StepRun *run)
{
        int r = compose_write(run->job->manager, run->job->spec);

        return r < 0 ? r : 1;
}

/* ---- Images ---- */

static void on_pull_progress(uint64_t current, uint64_t total, void *userdata)
{
        StepRun *run = userdata;

        /* Layers announce themselves as they come, so the total grows: never step back. */
        if (total > 0 && (double) current / (double) total > run->fraction)
                run->fraction = (double) current / (double) total;
        job_update_phase(run->job);
}

static int start_image(StepRun *run, const char *image)
{
        EnginePort *engine = run->job->manager->engine;

        free(run->reason); /* for the deadline's message: a registry that went away says nothing */
        run->reason = str_printf("the image %s is still being fetched", image);
        return engine->vtable->ensure_image(engine, image, PULL_TIMEOUT_USEC, on_pull_progress, step_on_done,
                        run, &run->pending);
}

int step_app_image(StepRun *run)
{
        return start_image(run, run->job->spec->app.image);
}

int step_database_image(StepRun *run)
{
        return start_image(run, run->job->spec->database.image);
}

/* ---- Networks, volume ---- */

int step_create_ingress(StepRun *run)
{
        Manager *m = run->job->manager;
        char subnet[ADDRESS_TEXT_MAX], gateway[ADDRESS_TEXT_MAX];
        StringPairs labels = { 0 };
        NetworkSpec spec;
        int r;

        r = string_pairs_add(&labels, ARK_LABEL_DEPLOYMENT, m->deployment);
        if (r >= 0) {
                ingress_spec(m, &labels, subnet, gateway, &spec);
                r = m->engine->vtable->create_network(
                                m->engine, &spec, ENGINE_TIMEOUT_USEC, step_on_done, run, &run->pending);
        }
        string_pairs_done(&labels);
        return r;
}

int step_create_network(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->create_network(engine, &run->job->spec->network, ENGINE_TIMEOUT_USEC,
                        step_on_done, run, &run->pending);
}

static int create_volume(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->create_volume(engine, &run->job->spec->volume, ENGINE_TIMEOUT_USEC,
                        step_on_done, run, &run->pending);
}

static void on_unverified_volume_removed(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        int r;

        run->pending = NULL;
        r = error < 0 ? error : create_volume(run);
        if (r < 0)
                step_done(run, r, reason);
}

static void on_unverified_database_removed(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        int r = error;

        run->pending = NULL;
        if (r >= 0)
                r = remove_volume_then(run, on_unverified_volume_removed);
        if (r < 0)
                step_done(run, r, reason);
}

static void on_user_of_unverified_removed(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        EnginePort *engine = run->job->manager->engine;
        int r = error;

        run->pending = NULL;
        if (r >= 0)
                r = engine->vtable->remove_container(engine, run->job->spec->database.name,
                                ENGINE_TIMEOUT_USEC, on_unverified_database_removed, run, &run->pending);
        if (r < 0)
                step_done(run, r, reason);
}

/*
 * An initialisation that was cut short leaves files behind for which the image skips the next one, with role and
 * database missing. So a volume counts only after a login has succeeded; where arkd or the engine was away in between,
 * one that has not is wiped, and an application that may have used it already taken down.
 */
static int start_volume(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        run->job->database_begun = false;
        if (run->job->database_verified || (!run->job->resumed && !run->job->database_doubtful))
                return create_volume(run);
        return engine->vtable->remove_container(engine, run->job->spec->app.name, ENGINE_TIMEOUT_USEC,
                        on_user_of_unverified_removed, run, &run->pending);
}

/* ---- Containers ---- */

static void on_database_created(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        EnginePort *engine = run->job->manager->engine;
        int r = error;

        run->pending = NULL;
        run->job->database_begun = true;
        if (r >= 0)
                r = engine->vtable->start_container(engine, run->job->spec->database.name,
                                ENGINE_TIMEOUT_USEC, step_on_done, run, &run->pending);
        if (r < 0)
                step_done(run, r, reason);
}

static int start_database_container(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->create_container(engine, &run->job->spec->database, ENGINE_TIMEOUT_USEC,
                        on_database_created, run, &run->pending);
}

static void on_app_created(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        int r;

        run->pending = NULL;
        r = error < 0 ? error : step_give_volumes(run);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

static int create_app(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->create_container(engine, &run->job->spec->app, ENGINE_TIMEOUT_USEC,
                        on_app_created, run, &run->pending);
}

static int start_app(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        instance_settle_volumes(run->job->instance);
        return engine->vtable->start_container(engine, run->job->spec->app.name, ENGINE_TIMEOUT_USEC,
                        step_on_done, run, &run->pending);
}

enum {
        CREATE_COMPOSE,
        CREATE_APP_IMAGE,
        CREATE_DATABASE_IMAGE,
        CREATE_INGRESS,
        CREATE_NETWORK,
        CREATE_VOLUME,
        CREATE_APP_VOLUMES,
        CREATE_DATABASE_VOLUMES,
        CREATE_DATABASE,
        CREATE_LOGIN,
        CREATE_APP,
        CREATE_APP_START,
        CREATE_HEALTH,
};

/* Undone from the last to the first: containers, then volume, then network. */
static const Step create_steps[] = {
        [CREATE_COMPOSE] = { "compose", PHASE_QUEUED, .start = step_write_compose,
                        .undo = step_remove_compose },
        [CREATE_APP_IMAGE] = { "app-image", PHASE_IMAGE, .abortable = true, .start = step_app_image },
        [CREATE_DATABASE_IMAGE] = { "database-image", PHASE_IMAGE, .abortable = true, .database_only = true,
                        .start = step_database_image },
        [CREATE_INGRESS] = { "ingress", PHASE_NETWORK, .after = BIT(CREATE_COMPOSE),
                        .start = step_create_ingress },
        [CREATE_NETWORK] = { "network", PHASE_NETWORK, .after = BIT(CREATE_COMPOSE),
                        .start = step_create_network, .undo = step_remove_network },
        [CREATE_VOLUME] = { "volume", PHASE_VOLUME, .after = BIT(CREATE_COMPOSE), .database_only = true,
                        .start = start_volume, .undo = step_remove_volume },
        [CREATE_APP_VOLUMES] = { "app-volumes", PHASE_VOLUME,
                        .after = BIT(CREATE_COMPOSE) | BIT(CREATE_APP_IMAGE), .start = step_make_volumes,
                        .undo = step_remove_rest },
        [CREATE_DATABASE_VOLUMES] = { "database-volumes", PHASE_VOLUME,
                        .after = BIT(CREATE_COMPOSE) | BIT(CREATE_DATABASE_IMAGE), .database_only = true,
                        .start = step_make_volumes },
        [CREATE_DATABASE] = { "database-container", PHASE_DATABASE,
                        .after = BIT(CREATE_DATABASE_VOLUMES) | BIT(CREATE_NETWORK) | BIT(CREATE_VOLUME),
                        .database_only = true, .start = start_database_container,
                        .undo = step_remove_database },
        [CREATE_LOGIN] = { "database-login", PHASE_DATABASE, .after = BIT(CREATE_DATABASE),
                        .database_only = true, .abortable = true, .start = start_login },
        [CREATE_APP] = { "app-container", PHASE_APP,
                        .after = BIT(CREATE_APP_VOLUMES) | BIT(CREATE_NETWORK) | BIT(CREATE_INGRESS) |
                                 BIT(CREATE_VOLUME) | BIT(CREATE_DATABASE_VOLUMES),
                        .start = create_app, .undo = step_remove_app },
        [CREATE_APP_START] = { "app-start", PHASE_APP, .after = BIT(CREATE_APP),
                        .after_database = BIT(CREATE_LOGIN), .start = start_app },
        [CREATE_HEALTH] = { "health", PHASE_HEALTH, .after = BIT(CREATE_APP_START), .abortable = true,
                        .start = start_health },
};

/* An engine that comes back has started the database again, wherever its initialisation stood. */
static void on_engine_connected(Job *job)
{
        if (!job->database_begun || job->database_verified)
                return;
        job->database_doubtful = true;
        job_rewind(job, BIT(CREATE_VOLUME) | BIT(CREATE_DATABASE) | BIT(CREATE_LOGIN) | BIT(CREATE_APP) |
                                        BIT(CREATE_APP_START) | BIT(CREATE_HEALTH));
}

static int make_spec(Job *job)
{
        return instance_spec_new(job->manager, job->instance, &job->spec);
}

static uint64_t deadline_usec(const Job *job)
{
        return job->instance->product->deadline_usec;
}

static bool is_stale(const Instance *i)
{
        return i->status != INSTANCE_PENDING && !instance_is_left_behind(i);
}

const Plan create_plan = {
        .name = ARK_JOB_CREATE,
        .makes = true,
        .failure_message = "The deployment failed; nothing of it was left behind",
        .ended_id = MESSAGE_INSTANCE_RUNNING,
        .failed_id = MESSAGE_INSTANCE_FAILED,
        .is_stale = is_stale,
        .steps = create_steps,
        .n_steps = ELEMENTSOF(create_steps),
        .make_spec = make_spec,
        .deadline_usec = deadline_usec,
        .engine_connected = on_engine_connected,
};
