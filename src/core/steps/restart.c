/* SPDX-License-Identifier: MIT */

/*
 * The steps that restart an instance: its database first, then the application, each until it answers. A container
 * that was removed by hand is made again, with what it stands on; the volumes with the data have outlived it. One that
 * holds on to a network that is gone is joined to the one that takes its place. One that was made from another
 * description is made again, unless files in its own layer would be lost with it.
 */

#include "core/steps/restart.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/run.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/state.h"
#include "core/spec/digest.h"
#include "core/spec/spec.h"
#include "core/steps/create.h"
#include "core/steps/files.h"
#include "core/steps/probe.h"
#include "core/steps/restart-spec.h"
#include "core/steps/volumes.h"

#define INSPECT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define CREATE_TIMEOUT_USEC  (60 * USEC_PER_SEC)
/* Beside the time that it is given to stop. */
#define RESTART_TIMEOUT_USEC (60 * USEC_PER_SEC)

static const char *const part_roles[_PART_MAX] = {
        [PART_APP] = ARK_ROLE_APP,
        [PART_DATABASE] = ARK_ROLE_DATABASE,
};

static void restart_parts_done(Job *job)
{
        for (Part part = 0; part < _PART_MAX; part++) {
                for (size_t k = 0; k < ATTACHMENTS_MAX; k++)
                        free(job->parts[part].network_ids[k]);
                free(job->parts[part].files);
                job->parts[part] = (RestartPart){ 0 };
        }
}

/* ---- What is there ---- */

static int look_at(StepRun *run, Part part);

static bool look_failed(StepRun *run, int r)
{
        if (r < 0)
                step_done(run, r, strerror(-r));
        return r < 0;
}

/* Volumes of before that no label tells of are remembered before anything happens to their container. */
static int examine(Job *job, Part part, const ContainerState *state)
{
        const ContainerSpec *c = restart_spec_of(job, part);
        RestartPart *p = &job->parts[part];
        int r;

        for (size_t k = 0; k < c->n_networks; k++)
                for (size_t m = 0; m < state->n_networks; m++) {
                        if (!streq(state->networks[m].name, c->networks[k].network))
                                continue;
                        r = free_and_strdup(&p->network_ids[k], state->networks[m].id);
                        if (r < 0)
                                return r;
                }
        p->unstarted = state->started_usec == 0;
        p->changed = !digest_fits(
                        state->digest, string_pairs_get(c->labels, ARK_LABEL_HASH), c->former_digest);
        r = instance_note_volumes(job->instance, part_roles[part], state);
        if (r > 0)
                job->noted = true;
        return r;
}

static const char *id_of_network(const Resource *items, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (items[i].kind == RESOURCE_NETWORK && streq(items[i].name, name))
                        return strempty(items[i].id);
        return NULL;
}

/* A container keeps to the very network that it was put on: another under the same name does not bring it up. */
static void find_stale(Job *job, Part part, const Resource *items, size_t n)
{
        const ContainerSpec *c = restart_spec_of(job, part);
        RestartPart *p = &job->parts[part];

        for (size_t k = 0; k < c->n_networks && !p->missing; k++) {
                const char *id = id_of_network(items, n, c->networks[k].network);

                p->stale = p->stale || !id || !p->network_ids[k] ||
                           (*p->network_ids[k] && !streq(id, p->network_ids[k]));
        }
}

/* ---- Volumes that are gone ---- */

static bool is_listed(const Resource *items, size_t n, const char *volume)
{
        for (size_t i = 0; i < n; i++)
                if (items[i].kind == RESOURCE_VOLUME && streq(items[i].name, volume))
                        return true;
        return false;
}

/* A database would begin anew in an empty volume, and nobody be told that the data is gone. */
static void fail_lost(StepRun *run, const char *volume, bool is_database)
{
        _cleanup_free_ char *gone = str_printf(
                        is_database ? "its volume %s is gone, and with it its data: restore the volume, or "
                                      "delete the instance"
                                    : "its volume %s is gone, and with it its data: restore the volume, "
                                      "delete the instance, or restart it with --discard-files, with an "
                                      "empty volume in its place",
                        volume);

        step_done(run, -ENODATA, gone);
}

static void find_next_anonymous(StepRun *run);

static void on_volume_sought(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        Instance *i = run->job->instance;
        const char *name = i->volumes[run->stage].name;

        run->pending = NULL;
        if (error >= 0)
                run->stage++;
        else if (error == -ENOENT && run->job->discard_files)
                instance_forget_volume(i, name); /* the next has its place */
        else if (error == -ENOENT) {
                fail_lost(run, name, false);
                return;
        } else {
                step_done(run, error, reason);
                return;
        }
        find_next_anonymous(run);
}

/* They are in no list. */
static void find_next_anonymous(StepRun *run)
{
        Job *job = run->job;
        const Instance *i = job->instance;
        EnginePort *engine = job->manager->engine;

        for (; run->stage < i->n_volumes; run->stage++) {
                const InstanceVolume *v = i->volumes + run->stage;
                Part part = streq(v->role, ARK_ROLE_APP) ? PART_APP : PART_DATABASE;

                if (!volume_is_anonymous(v->name) || !job->parts[part].missing)
                        continue;
                (void) look_failed(run, engine->vtable->find_volume(engine, v->name, INSPECT_TIMEOUT_USEC,
                                                        on_volume_sought, run, &run->pending));
                return;
        }
        instance_spec_set_volumes(job->spec, i);
        step_done(run, 0, NULL);
}

static void on_noted(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;

        run->pending = NULL;
        if (error < 0) {
                step_done(run, -EIO, "the store (Redis) could not be told of its volumes; try again");
                return;
        }
        run->job->noted = false;
        find_next_anonymous(run);
}

static void store_noted(StepRun *run)
{
        StorePort *store = run->job->manager->store;
        const Instance *i = run->job->instance;
        _cleanup_json_ struct json_object *record = instance_to_json(i, INSTANCE_VIEW_RECORD);

        if (!record) {
                (void) look_failed(run, -ENOMEM);
                return;
        }
        const StoreWrite write = { STORE_PUT, STORE_INSTANCE, i->id, json_text(record),
                .score = i->created_usec };
        if (store->vtable->commit(
                            store, &write, 1, MANAGER_STORE_TIMEOUT_USEC, on_noted, run, &run->pending) < 0)
                on_noted(-ENOTCONN, NULL, run);
}

/* The first that a container which is made again would have to do without, or NULL. */
static const char *find_lost(const Job *job, const Resource *items, size_t n, bool *ret_database)
{
        const Instance *i = job->instance;

        *ret_database = job->parts[PART_DATABASE].missing && !is_listed(items, n, job->spec->names.volume);
        if (*ret_database)
                return job->spec->names.volume;
        for (size_t k = 0; k < i->n_volumes && !job->discard_files; k++) {
                const InstanceVolume *v = i->volumes + k;
                Part part = streq(v->role, ARK_ROLE_APP) ? PART_APP : PART_DATABASE;

                if (job->parts[part].missing && !volume_is_anonymous(v->name) &&
                                !is_listed(items, n, v->name))
                        return v->name;
        }
        return NULL;
}

/* What is to be made anew holds nothing of the instance's yet. */
static void find_absent(Instance *i, const Resource *items, size_t n)
{
        for (size_t k = 0; k < i->n_volumes; k++) {
                InstanceVolume *v = i->volumes + k;

                if (!volume_is_anonymous(v->name) && !is_listed(items, n, v->name))
                        v->made = true;
        }
}

static void on_listed(int error, const char *reason, const Resource *items, size_t n, void *userdata)
{
        StepRun *run = userdata;
        Job *job = run->job;
        const char *lost;
        bool is_database;

        run->pending = NULL;
        if (error < 0) {
                step_done(run, error, reason);
                return;
        }
        for (Part part = 0; part < _PART_MAX; part++)
                if (restart_has_part(job, part))
                        find_stale(job, part, items, n);
        find_absent(job->instance, items, n);
        lost = find_lost(job, items, n, &is_database);
        run->stage = 0;
        if (lost)
                fail_lost(run, lost, is_database);
        else if (job->noted)
                store_noted(run);
        else
                find_next_anonymous(run);
}

static void on_seen(StepRun *run, Part part, int error, const char *reason, const ContainerState *state)
{
        Job *job = run->job;
        EnginePort *engine = job->manager->engine;
        int r;

        run->pending = NULL;
        job->parts[part].missing = error == -ENOENT;
        r = error == -ENOENT ? 0 : error;
        if (r < 0) {
                step_done(run, r, reason);
                return;
        }
        if (error >= 0 && look_failed(run, examine(job, part, state)))
                return;
        if (part == PART_APP && restart_has_part(job, PART_DATABASE))
                r = look_at(run, PART_DATABASE);
        else
                r = engine->vtable->list_resources(
                                engine, INSPECT_TIMEOUT_USEC, on_listed, run, &run->pending);
        (void) look_failed(run, r);
}

static void on_app_seen(int error, const char *reason, const ContainerState *state, void *userdata)
{
        on_seen(userdata, PART_APP, error, reason, state);
}

static void on_database_seen(int error, const char *reason, const ContainerState *state, void *userdata)
{
        on_seen(userdata, PART_DATABASE, error, reason, state);
}

static int look_at(StepRun *run, Part part)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->inspect_container(engine, restart_spec_of(run->job, part)->name, NULL,
                        INSPECT_TIMEOUT_USEC, part == PART_APP ? on_app_seen : on_database_seen, run,
                        &run->pending);
}

static int start_look(StepRun *run)
{
        restart_parts_done(run->job);
        return look_at(run, PART_APP);
}

/* ---- Making it again ---- */

static bool must_make_any(const Job *job)
{
        return restart_must_make(job, PART_APP) || restart_must_make(job, PART_DATABASE);
}

static int remake_compose(StepRun *run)
{
        return must_make_any(run->job) ? step_write_compose(run) : 1;
}

static int remake_app_image(StepRun *run)
{
        return restart_may_be_new(run->job, PART_APP) ? step_app_image(run) : 1;
}

static int remake_database_image(StepRun *run)
{
        return restart_may_be_new(run->job, PART_DATABASE) ? step_database_image(run) : 1;
}

static int remake_volumes(StepRun *run)
{
        Part part = run->step->database_only ? PART_DATABASE : PART_APP;

        return restart_may_be_new(run->job, part) ? step_make_volumes(run) : 1;
}

static int remake_ingress(StepRun *run)
{
        return restart_must_make(run->job, PART_APP) ? step_create_ingress(run) : 1;
}

static int remake_network(StepRun *run)
{
        return must_make_any(run->job) ? step_create_network(run) : 1;
}

static void on_made(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        bool app = !run->step->database_only;
        RestartPart *p = &run->job->parts[app ? PART_APP : PART_DATABASE];
        _cleanup_free_ char *text = NULL;
        int r = error < 0 ? error : 1;

        run->pending = NULL;
        if (error < 0 && p->keep)
                text = str_printf("%s. It would be made again, but files of its own would be lost with it: "
                                  "%s. Save them, or restart it with --discard-files",
                                strempty(reason), p->files);
        if (error >= 0 && !p->keep) {
                p->stopped = false; /* it is gone */
                if (app)
                        job_take_public_url(run->job);
        }
        if (error >= 0 && app)
                r = step_give_volumes(run);
        step_went_on(run, r, text ? text : error < 0 ? reason : NULL);
}

static int remake(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        Part part = run->step->database_only ? PART_DATABASE : PART_APP;
        const ContainerSpec *c = restart_spec_of(run->job, part);

        if (!restart_must_make(run->job, part))
                return part == PART_APP && run->job->parts[part].unstarted ? step_give_volumes(run) : 1;
        return engine->vtable->create_container(engine, c,
                        CREATE_TIMEOUT_USEC + c->stop_timeout_s * USEC_PER_SEC, on_made, run, &run->pending);
}

/* ---- Restarting ---- */

static int start_restart(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        Part part = run->step->database_only ? PART_DATABASE : PART_APP;
        const ContainerSpec *c = restart_spec_of(run->job, part);

        run->job->parts[part].stopped = false;
        if (part == PART_APP) {
                instance_settle_volumes(run->job->instance);
                job_take_limits(run->job);
        }
        return engine->vtable->restart_container(engine, c->name, c->stop_timeout_s,
                        RESTART_TIMEOUT_USEC + c->stop_timeout_s * USEC_PER_SEC, step_on_done, run,
                        &run->pending);
}

enum {
        RESTART_LOOK,
        RESTART_FILES,
        RESTART_APP_IMAGE,
        RESTART_DATABASE_IMAGE,
        RESTART_STILL,
        RESTART_COMPOSE,
        RESTART_INGRESS,
        RESTART_NETWORK,
        RESTART_APP_VOLUMES,
        RESTART_DATABASE_VOLUMES,
        RESTART_MAKE_DATABASE,
        RESTART_DATABASE,
        RESTART_LOGIN,
        RESTART_MAKE_APP,
        RESTART_APP,
        RESTART_HEALTH,
};

/* Beside what its product is given, the time that its containers have to stop. */
static uint64_t deadline_usec(const Job *job)
{
        const InstanceSpec *spec = job->spec;

        return job->instance->product->deadline_usec +
               (spec->app.stop_timeout_s + spec->database.stop_timeout_s) * USEC_PER_SEC;
}

static bool is_stale(const Instance *i)
{
        return (i->status != INSTANCE_RUNNING && i->status != INSTANCE_FAILED) || !instance_has_resources(i);
}

static const Step restart_steps[] = {
        [RESTART_LOOK] = { "look", PHASE_QUEUED, .start = start_look },
        [RESTART_FILES] = { "files", PHASE_QUEUED, .after = BIT(RESTART_LOOK), .start = restart_find_files },
        [RESTART_APP_IMAGE] = { "app-image", PHASE_IMAGE, .after = BIT(RESTART_FILES), .abortable = true,
                        .start = remake_app_image },
        [RESTART_DATABASE_IMAGE] = { "database-image", PHASE_IMAGE, .after = BIT(RESTART_FILES),
                        .abortable = true, .database_only = true, .start = remake_database_image },
        [RESTART_STILL] = { "still", PHASE_IMAGE,
                        .after = BIT(RESTART_APP_IMAGE) | BIT(RESTART_DATABASE_IMAGE),
                        .start = restart_find_last_files },
        [RESTART_COMPOSE] = { "compose", PHASE_IMAGE, .after = BIT(RESTART_STILL), .start = remake_compose },
        [RESTART_INGRESS] = { "ingress", PHASE_NETWORK, .after = BIT(RESTART_COMPOSE),
                        .start = remake_ingress },
        [RESTART_NETWORK] = { "network", PHASE_NETWORK, .after = BIT(RESTART_COMPOSE),
                        .start = remake_network },
        [RESTART_APP_VOLUMES] = { "app-volumes", PHASE_VOLUME, .after = BIT(RESTART_COMPOSE),
                        .start = remake_volumes },
        [RESTART_DATABASE_VOLUMES] = { "database-volumes", PHASE_VOLUME, .after = BIT(RESTART_COMPOSE),
                        .database_only = true, .start = remake_volumes },
        [RESTART_MAKE_DATABASE] = { "database-container", PHASE_DATABASE,
                        .after = BIT(RESTART_DATABASE_VOLUMES) | BIT(RESTART_NETWORK), .database_only = true,
                        .start = remake },
        [RESTART_DATABASE] = { "restart-database", PHASE_DATABASE, .after = BIT(RESTART_MAKE_DATABASE),
                        .database_only = true, .start = start_restart },
        [RESTART_LOGIN] = { "database-login", PHASE_DATABASE, .after = BIT(RESTART_DATABASE),
                        .database_only = true, .abortable = true, .start = start_login },
        [RESTART_MAKE_APP] = { "app-container", PHASE_APP,
                        .after = BIT(RESTART_APP_VOLUMES) | BIT(RESTART_INGRESS) | BIT(RESTART_NETWORK) |
                                 BIT(RESTART_LOGIN),
                        .start = remake },
        [RESTART_APP] = { "restart-app", PHASE_APP, .after = BIT(RESTART_MAKE_APP), .start = start_restart },
        [RESTART_HEALTH] = { "health", PHASE_HEALTH, .after = BIT(RESTART_APP), .abortable = true,
                        .start = start_health },
};
const Plan restart_plan = {
        .name = ARK_JOB_RESTART,
        .message = "Being restarted",
        .failure_message = "It did not come up again; restart it, or delete it",
        .ended_id = MESSAGE_INSTANCE_RESTARTED,
        .failed_id = MESSAGE_RESTART_FAILED,
        .is_stale = is_stale,
        .steps = restart_steps,
        .n_steps = ELEMENTSOF(restart_steps),
        .make_spec = job_make_restart_spec,
        .deadline_usec = deadline_usec,
        .failed = restart_wake,
        .release = restart_parts_done,
};
