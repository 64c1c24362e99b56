/* SPDX-License-Identifier: MIT */

/*
 * The steps that restart an instance: its database first, then the application, each until it answers. A container
 * that was removed by hand is made again, with what it stands on; the volume with the data has outlived it. So is one
 * that is not whole: the last that a container is given when it is made is its network.
 */

#include <errno.h>

#include "basic/time-util.h"
#include "core/job.h"
#include "core/manager-internal.h"
#include "core/names.h"
#include "core/spec.h"

#define INSPECT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define CREATE_TIMEOUT_USEC  (60 * USEC_PER_SEC)
#define REMOVE_TIMEOUT_USEC  (60 * USEC_PER_SEC)
#define RESTART_TIMEOUT_USEC (60 * USEC_PER_SEC)

/* ---- What is missing ---- */

static int look(StepRun *run, const char *name, const char *network, ContainerStateDone done)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->inspect_container(
                        engine, name, network, INSPECT_TIMEOUT_USEC, done, run, &run->pending);
}

static bool is_missing(int error, const ContainerState *state)
{
        return error == -ENOENT || (error >= 0 && !state->joined);
}

static bool is_listed(const Resource *items, size_t n, ResourceKind kind, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (items[i].kind == kind && streq(items[i].name, name))
                        return true;
        return false;
}

static void remove_stale(StepRun *run);

static void on_stale_removed(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;

        run->pending = NULL;
        if (error < 0)
                step_done(run, error, reason);
        else
                remove_stale(run);
}

/* Before the network is made again, by which they are no longer told from others. */
static void remove_stale(StepRun *run)
{
        Job *job = run->job;
        EnginePort *engine = job->manager->engine;
        bool *stale = job->app_stale ? &job->app_stale : &job->database_stale;
        const char *name = job->app_stale ? job->instance->id : job->spec->names.database;
        int r;

        if (!*stale) {
                step_done(run, 0, NULL);
                return;
        }
        *stale = false;
        r = engine->vtable->remove_container(
                        engine, name, REMOVE_TIMEOUT_USEC, on_stale_removed, run, &run->pending);
        if (r < 0)
                step_done(run, r, strerror(-r));
}

/* A container keeps to the very network that it was put on: another under the same name does not bring it up. */
static void find_stale(Job *job, const Resource *items, size_t n)
{
        bool private = is_listed(items, n, RESOURCE_NETWORK, job->spec->names.network);
        bool common = is_listed(items, n, RESOURCE_NETWORK, ARK_INGRESS_NETWORK);

        job->app_stale = !job->app_missing && !(private && common);
        job->database_stale = job->instance->has_database && !job->database_missing && !private;
        job->app_missing = job->app_missing || job->app_stale;
        job->database_missing = job->database_missing || job->database_stale;
}

static void on_listed(int error, const char *reason, const Resource *items, size_t n, void *userdata)
{
        StepRun *run = userdata;
        const char *volume = run->job->spec->names.volume;
        _cleanup_free_ char *gone = NULL;

        run->pending = NULL;
        if (error < 0) {
                step_done(run, error, reason);
                return;
        }
        find_stale(run->job, items, n);
        if (!run->job->database_missing || is_listed(items, n, RESOURCE_VOLUME, volume)) {
                remove_stale(run);
                return;
        }
        /* A database would begin anew in an empty volume, and nobody be told that the data is gone. */
        gone = str_printf("its volume %s is gone, and with it its data: restore the volume, or delete the "
                          "instance",
                        volume);
        step_done(run, -ENODATA, gone);
}

static void list(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        int r;

        r = engine->vtable->list_resources(engine, INSPECT_TIMEOUT_USEC, on_listed, run, &run->pending);
        if (r < 0)
                step_done(run, r, strerror(-r));
}

static void on_database_seen(int error, const char *reason, const ContainerState *state, void *userdata)
{
        StepRun *run = userdata;

        run->pending = NULL;
        run->job->database_missing = is_missing(error, state);
        if (error < 0 && error != -ENOENT)
                step_done(run, error, reason);
        else
                list(run);
}

static void on_app_seen(int error, const char *reason, const ContainerState *state, void *userdata)
{
        StepRun *run = userdata;
        const InstanceNames *names = &run->job->spec->names;
        int r;

        run->pending = NULL;
        run->job->app_missing = is_missing(error, state);
        if (error < 0 && error != -ENOENT) {
                step_done(run, error, reason);
                return;
        }
        if (!run->job->instance->has_database) {
                list(run);
                return;
        }
        r = look(run, names->database, names->network, on_database_seen);
        if (r < 0)
                step_done(run, r, strerror(-r));
}

static int start_look(StepRun *run)
{
        return look(run, run->job->instance->id, ARK_INGRESS_NETWORK, on_app_seen);
}

/* ---- Making it again ---- */

static int remake_compose(StepRun *run)
{
        return run->job->app_missing || run->job->database_missing ? step_write_compose(run) : 1;
}

static int remake_app_image(StepRun *run)
{
        return run->job->app_missing ? step_app_image(run) : 1;
}

static int remake_database_image(StepRun *run)
{
        return run->job->database_missing ? step_database_image(run) : 1;
}

static int remake_ingress(StepRun *run)
{
        return run->job->app_missing ? step_create_ingress(run) : 1;
}

static int remake_network(StepRun *run)
{
        return run->job->app_missing || run->job->database_missing ? step_create_network(run) : 1;
}

static int remake_database(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        if (!run->job->database_missing)
                return 1;
        return engine->vtable->create_container(engine, &run->job->spec->database, CREATE_TIMEOUT_USEC,
                        step_on_done, run, &run->pending);
}

static int remake_app(StepRun *run)
{
        return run->job->app_missing ? step_create_app(run) : 1;
}

/* ---- Restarting ---- */

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

enum {
        RESTART_LOOK,
        RESTART_COMPOSE,
        RESTART_APP_IMAGE,
        RESTART_DATABASE_IMAGE,
        RESTART_INGRESS,
        RESTART_NETWORK,
        RESTART_MAKE_DATABASE,
        RESTART_DATABASE,
        RESTART_LOGIN,
        RESTART_MAKE_APP,
        RESTART_APP,
        RESTART_HEALTH,
};

const Step restart_steps[] = {
        [RESTART_LOOK] = { "look", PHASE_QUEUED, .start = start_look },
        [RESTART_COMPOSE] = { "compose", PHASE_QUEUED, .after = BIT(RESTART_LOOK), .start = remake_compose },
        [RESTART_APP_IMAGE] = { "app-image", PHASE_IMAGE, .after = BIT(RESTART_COMPOSE), .abortable = true,
                        .start = remake_app_image },
        [RESTART_DATABASE_IMAGE] = { "database-image", PHASE_IMAGE, .after = BIT(RESTART_COMPOSE),
                        .abortable = true, .database_only = true, .start = remake_database_image },
        [RESTART_INGRESS] = { "ingress", PHASE_NETWORK, .after = BIT(RESTART_COMPOSE),
                        .start = remake_ingress },
        [RESTART_NETWORK] = { "network", PHASE_NETWORK, .after = BIT(RESTART_COMPOSE),
                        .start = remake_network },
        [RESTART_MAKE_DATABASE] = { "database-container", PHASE_DATABASE,
                        .after = BIT(RESTART_DATABASE_IMAGE) | BIT(RESTART_NETWORK), .database_only = true,
                        .start = remake_database },
        [RESTART_DATABASE] = { "restart-database", PHASE_DATABASE, .after = BIT(RESTART_MAKE_DATABASE),
                        .database_only = true, .start = start_restart_database },
        [RESTART_LOGIN] = { "database-login", PHASE_DATABASE, .after = BIT(RESTART_DATABASE),
                        .database_only = true, .abortable = true, .start = start_login },
        [RESTART_MAKE_APP] = { "app-container", PHASE_APP,
                        .after = BIT(RESTART_APP_IMAGE) | BIT(RESTART_INGRESS) | BIT(RESTART_NETWORK) |
                                 BIT(RESTART_LOGIN),
                        .start = remake_app },
        [RESTART_APP] = { "restart-app", PHASE_APP, .after = BIT(RESTART_MAKE_APP),
                        .start = start_restart_app },
        [RESTART_HEALTH] = { "health", PHASE_HEALTH, .after = BIT(RESTART_APP), .abortable = true,
                        .start = start_health },
};
const size_t n_restart_steps = ELEMENTSOF(restart_steps);
