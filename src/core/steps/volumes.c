/* SPDX-License-Identifier: MIT */

/* The volumes that images declare: each gets one of a name of ours, where the engine would make an anonymous one. And what
 * an instance has beside what it must have, which goes with it. */

#include "core/steps/volumes.h"

#include <errno.h>

#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/run.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/state.h"
#include "core/spec/archive.h"
#include "core/spec/compose-file.h"
#include "core/spec/spec.h"

#define INSPECT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define CREATE_TIMEOUT_USEC  (60 * USEC_PER_SEC)
#define GIVE_TIMEOUT_USEC    (30 * USEC_PER_SEC)
#define REMOVE_TIMEOUT_USEC  (60 * USEC_PER_SEC)
/* One that is still in use after this is tried again with the step. */
#define VOLUME_TIMEOUT_USEC (3 * USEC_PER_SEC)

/* ---- Making ---- */

static bool is_of_database(const StepRun *run)
{
        return run->step->database_only;
}

static int create_next(StepRun *run);

static void on_created(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        int r;

        run->pending = NULL;
        r = error < 0 ? error : create_next(run);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

/* 1 where all are there. */
static int create_next(StepRun *run)
{
        const Instance *i = run->job->instance;
        EnginePort *engine = run->job->manager->engine;
        const char *role = is_of_database(run) ? ARK_ROLE_DATABASE : ARK_ROLE_APP;

        while (run->stage < i->n_volumes) {
                const InstanceVolume *v = i->volumes + run->stage++;
                StringPairs labels = { 0 };
                int r;

                if (!streq(v->role, role) || volume_is_anonymous(v->name))
                        continue;
                r = instance_volume_labels(run->job->manager, i, v->name, &labels);
                if (r >= 0)
                        r = engine->vtable->create_volume(engine,
                                        &(VolumeSpec){ .name = v->name, .labels = &labels },
                                        CREATE_TIMEOUT_USEC, on_created, run, &run->pending);
                string_pairs_done(&labels);
                return r;
        }
        return 1;
}

/* PostgreSQL waits for its clients where nobody says how it is stopped. 1 where that came to be known. */
static int plan_stop_signal(Instance *i, const ImageInfo *image)
{
        const char *wanted = image->stop_signal ? NULL : ARK_DATABASE_STOP_SIGNAL;
        int r;

        if (streq_ptr(i->database_stop_signal, wanted))
                return 0;
        r = free_and_strdup(&i->database_stop_signal, wanted);
        return r < 0 ? r : 1;
}

/* For who reads that nothing listens where the product says. */
static int note_ports(Job *job, const ImageInfo *image)
{
        _cleanup_free_ char *text = strdup(image->n_ports == 0   ? "no port"
                                           : image->n_ports == 1 ? "port"
                                                                 : "ports");

        for (size_t k = 0; text && k < image->n_ports; k++) {
                char *longer = str_printf("%s%s %u", text, k > 0 ? "," : "", image->ports[k]);

                free(text);
                text = longer;
        }
        if (!text)
                return -ENOMEM;
        free(job->exposed);
        job->exposed = TAKE_PTR(text);
        return 0;
}

/* The compose file was written before the image was there. */
static int plan(StepRun *run, const ImageInfo *image)
{
        Job *job = run->job;
        Instance *i = job->instance;
        bool database = is_of_database(run);
        ContainerSpec *c = database ? &job->spec->database : &job->spec->app;
        size_t known = i->n_volumes;
        int r;

        r = instance_plan_volumes(i, database ? ARK_ROLE_DATABASE : ARK_ROLE_APP, image, c);
        if (r < 0)
                return r;
        for (size_t k = known; k < i->n_volumes; k++)
                i->volumes[k].made = true;
        r = database ? plan_stop_signal(i, image) : note_ports(job, image);
        if (r < 0 || (r == 0 && i->n_volumes == known))
                return r;
        c->stop_signal = database ? i->database_stop_signal : NULL;
        instance_spec_set_volumes(job->spec, i);
        json_object_put(job->spec->archive);
        job->spec->archive = archive_new(i);
        return job->spec->archive ? compose_write(job->manager, job->spec) : -ENOMEM;
}

static void on_image(int error, const char *reason, const ImageInfo *image, void *userdata)
{
        StepRun *run = userdata;
        int r = error;

        run->pending = NULL;
        if (r >= 0)
                r = plan(run, image);
        if (r >= 0)
                r = create_next(run);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

int step_make_volumes(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        const InstanceSpec *spec = run->job->spec;

        run->stage = 0;
        return engine->vtable->inspect_image(engine,
                        is_of_database(run) ? spec->database.image : spec->app.image, INSPECT_TIMEOUT_USEC,
                        on_image, run, &run->pending);
}

/* ---- Giving ---- */

static int give_next(StepRun *run);

static void on_given(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        int r;

        run->pending = NULL;
        if (error == -ENOTDIR || error == -ENOENT) { /* one that is kept as it is may have no such volume */
                LogContext context;

                job_get_log_context(run->job, &context);
                log_full(LOG_WARNING, error, &context,
                                "%s; the volume keeps the owner that its image gives it", strempty(reason));
                error = 0;
        }
        r = error < 0 ? error : give_next(run);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

/*
 * The engine makes a new volume its image's owner's, with a copy of what the image has at that path, and an application
 * with a user of its own could not write there. What a volume holds stays whose it is: of one that is not new, nobody but
 * the application can say whether that is right. 1 where all are done with.
 */
static int give_next(StepRun *run)
{
        const Job *job = run->job;
        const Instance *i = job->instance;
        EnginePort *engine = job->manager->engine;
        /* What came of an attempt that was cut short is as good as new, too. */
        bool fresh = job->plan->makes || job->resumed || job->parts[PART_APP].unstarted;

        while (i->uid > 0 && run->stage < i->n_volumes) {
                const InstanceVolume *v = i->volumes + run->stage++;

                if (streq(v->role, ARK_ROLE_APP))
                        return engine->vtable->give_volume(engine, job->spec->app.name, v->path, i->uid,
                                        fresh || v->made, GIVE_TIMEOUT_USEC, on_given, run, &run->pending);
        }
        return 1;
}

int step_give_volumes(StepRun *run)
{
        run->stage = 0;
        return give_next(run);
}

/* ---- Removing ---- */

static int remove_next(StepRun *run);

static void on_removed(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        int r;

        run->pending = NULL;
        if (error == -EEXIST)
                error = 0; /* somebody else's */
        r = error < 0 ? error : remove_next(run);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

/* Each name has a letter in front that says what it is. 1 where all are gone. */
static int remove_next(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;
        const char *what = run->todo ? run->todo[run->stage] : NULL;

        if (!what) {
                run->todo = strv_free(run->todo);
                return 1;
        }
        run->stage++;
        switch (*what) {
        case 'c':
                return engine->vtable->remove_container(
                                engine, what + 1, REMOVE_TIMEOUT_USEC, on_removed, run, &run->pending);
        case 'v':
                return engine->vtable->remove_volume(
                                engine, what + 1, VOLUME_TIMEOUT_USEC, on_removed, run, &run->pending);
        default:
                return engine->vtable->remove_anonymous_volume(
                                engine, what + 1, VOLUME_TIMEOUT_USEC, on_removed, run, &run->pending);
        }
}

static int add_todo(StepRun *run, char kind, const char *name)
{
        _cleanup_free_ char *what = str_printf("%c%s", kind, name);

        return what ? strv_extend(&run->todo, what) : -ENOMEM;
}

static int collect(StepRun *run, const Resource *items, size_t n)
{
        static const ResourceKind order[] = { RESOURCE_CONTAINER, RESOURCE_VOLUME };
        const Instance *i = run->job->instance;
        int r = 0;

        for (size_t k = 0; k < ELEMENTSOF(order); k++)
                for (size_t m = 0; r >= 0 && m < n; m++)
                        if (items[m].kind == order[k] && streq(items[m].instance_id, i->id))
                                r = add_todo(run, k == 0 ? 'c' : 'v', items[m].name);
        for (size_t k = 0; r >= 0 && k < i->n_volumes; k++)
                if (volume_is_anonymous(i->volumes[k].name))
                        r = add_todo(run, 'a', i->volumes[k].name);
        return r;
}

static void on_listed(int error, const char *reason, const Resource *items, size_t n, void *userdata)
{
        StepRun *run = userdata;
        int r = error;

        run->pending = NULL;
        if (r >= 0)
                r = collect(run, items, n);
        if (r >= 0)
                r = remove_next(run);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

/* Under whatever name: containers that somebody renamed, volumes that were there before the one that is mounted. */
int step_remove_rest(StepRun *run)
{
        EnginePort *engine = run->job->manager->engine;

        run->stage = 0;
        run->todo = strv_free(run->todo);
        return engine->vtable->list_of_instance(
                        engine, run->job->instance->id, INSPECT_TIMEOUT_USEC, on_listed, run, &run->pending);
}
