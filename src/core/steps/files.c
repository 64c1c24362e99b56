/* SPDX-License-Identifier: MIT */
#include "core/steps/files.h"

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/job/end.h"
#include "core/job/job.h"
#include "core/job/run.h"
#include "core/ports.h"
#include "core/registry/state.h"
#include "core/spec/spec.h"
#include "core/steps/restart-spec.h"

#define LOOK_TIMEOUT_USEC  (10 * USEC_PER_SEC)
#define START_TIMEOUT_USEC (60 * USEC_PER_SEC)

static const char *const part_words[_PART_MAX] = {
        [PART_APP] = "application",
        [PART_DATABASE] = "database",
};

ContainerSpec *restart_spec_of(const Job *job, Part part)
{
        return part == PART_APP ? &job->spec->app : &job->spec->database;
}

bool restart_has_part(const Job *job, Part part)
{
        return part == PART_APP || job->instance->has_database;
}

bool restart_must_make(const Job *job, Part part)
{
        const RestartPart *p = &job->parts[part];

        return p->missing || p->stale || (p->changed && !p->keep);
}

bool restart_may_be_new(const Job *job, Part part)
{
        return restart_must_make(job, part) && !job->parts[part].keep;
}

/* What whoever restarts it should know, as a sentence. */
static void add_note(Job *job, char *note)
{
        _cleanup_free_ char *one = note;
        LogContext context;
        char *both;

        if (!one) {
                log_oom();
                return;
        }
        job_get_log_context(job, &context);
        log_full(LOG_NOTICE, 0, &context, "Restart of %s: %s", job->instance->id, one);
        both = job->note ? str_printf("%s. %s", job->note, one) : TAKE_PTR(one);
        if (both) {
                free(job->note);
                job->note = both;
        }
}

/* ---- Looking ---- */

/* The part that the step is at. */
static RestartPart *current_part(StepRun *run)
{
        return &run->job->parts[run->stage - 1];
}

static int find_next(StepRun *run);
static int find_next_last(StepRun *run);

static int take_files(StepRun *run, int error, const char *files)
{
        RestartPart *p = current_part(run);
        int r = error;

        run->pending = NULL;
        if (r >= 0)
                r = free_and_strdup(&p->files, files);
        if (r >= 0)
                p->keep = p->files && !run->job->discard_files;
        return r;
}

static void on_files(int error, const char *reason, const char *files, void *userdata)
{
        StepRun *run = userdata;
        int r = take_files(run, error, files);

        if (r >= 0)
                r = find_next(run);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

static int look(StepRun *run, Part part, ChangesDone done)
{
        EnginePort *engine = run->job->manager->engine;

        return engine->vtable->container_changes(engine, restart_spec_of(run->job, part)->name,
                        LOOK_TIMEOUT_USEC, done, run, &run->pending);
}

/* 1 where all have been searched. */
static int find_next(StepRun *run)
{
        while (run->stage < _PART_MAX) {
                Part part = run->stage++;
                const RestartPart *p = &run->job->parts[part];

                if (restart_has_part(run->job, part) && !p->missing && (p->stale || p->changed))
                        return look(run, part, on_files);
        }
        return 1;
}

int restart_find_files(StepRun *run)
{
        run->stage = 0;
        return find_next(run);
}

/* ---- Looking at what no longer changes ---- */

/* What is to be done about each is known now. */
static void decide(Job *job, Part part)
{
        const RestartPart *p = &job->parts[part];

        restart_spec_of(job, part)->keep = p->keep;
        if (part == PART_APP && !p->missing && !p->changed)
                job_take_public_url(job);
        if (p->missing)
                add_note(job, str_printf("The container of its %s had been removed and is made again; "
                                         "files outside its volumes are gone",
                                              part_words[part]));
        else if (p->changed && p->keep)
                add_note(job, str_printf("The container of its %s stays as it was made, as files of "
                                         "its own would be lost: %s. To have it made again all the "
                                         "same, restart it with --discard-files",
                                              part_words[part], p->files));
}

static void on_last_files(int error, const char *reason, const char *files, void *userdata)
{
        StepRun *run = userdata;
        int r = take_files(run, error, files);

        if (r >= 0)
                r = find_next_last(run);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

static void on_stopped(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;
        int r = error;

        run->pending = NULL;
        if (r >= 0)
                r = look(run, run->stage - 1, on_last_files);
        step_went_on(run, r, error < 0 ? reason : NULL);
}

static int stop(StepRun *run, Part part)
{
        EnginePort *engine = run->job->manager->engine;
        const ContainerSpec *c = restart_spec_of(run->job, part);

        current_part(run)->stopped = true;
        return engine->vtable->stop_container(engine, c->name, c->stop_timeout_s,
                        LOOK_TIMEOUT_USEC + c->stop_timeout_s * USEC_PER_SEC, on_stopped, run,
                        &run->pending);
}

/* The application first: its database is there for what it has to write as it ends. */
static int find_next_last(StepRun *run)
{
        Job *job = run->job;

        while (run->stage < _PART_MAX) {
                Part part = run->stage++;

                if (restart_has_part(job, part) && restart_may_be_new(job, part) &&
                                !job->parts[part].missing && !job->discard_files)
                        return stop(run, part);
        }
        for (Part part = 0; part < _PART_MAX; part++)
                if (restart_has_part(job, part))
                        decide(job, part);
        return 1;
}

int restart_find_last_files(StepRun *run)
{
        run->stage = 0;
        return find_next_last(run);
}

/* ---- Where it fails ---- */

static void on_woken(int error, const char *reason, void *userdata)
{
        Job *job = userdata;
        LogContext context;

        job->collecting = NULL;
        job_get_log_context(job, &context);
        if (error < 0)
                log_full(LOG_WARNING, error, &context,
                                "A container of instance %s was stopped and could not be started again: %s",
                                job->instance->id, strempty(reason));
        restart_wake(job);
}

/* The database first. */
void restart_wake(Job *job)
{
        EnginePort *engine = job->manager->engine;

        for (Part part = _PART_MAX; part-- > 0;) {
                if (!job->parts[part].stopped)
                        continue;
                job->parts[part].stopped = false;
                if (!job->cancelled &&
                                engine->vtable->start_container(engine, restart_spec_of(job, part)->name,
                                                START_TIMEOUT_USEC, on_woken, job, &job->collecting) >= 0)
                        return;
        }
        job_end(job);
}
