/* SPDX-License-Identifier: MIT */
#include "core/job.h"

#include <assert.h>
#include <errno.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/fault.h"
#include "core/job-record.h"
#include "core/manager-internal.h"
#include "core/spec.h"

static const char *const kind_names[_JOB_KIND_MAX] = {
        [JOB_CREATE] = "create", [JOB_DELETE] = "delete", [JOB_RESTART] = "restart"
};

const char *job_kind_to_string(JobKind kind)
{
        return kind_names[kind];
}

int job_kind_from_string(const char *s)
{
        for (int i = 0; i < _JOB_KIND_MAX; i++)
                if (streq(kind_names[i], s))
                        return i;
        return -EINVAL;
}

static const char *job_state_to_string(JobState state)
{
        static const char *const names[_JOB_STATE_MAX] = {
                [JOB_STORING] = "storing",
                [JOB_QUEUED] = "queued",
                [JOB_RUNNING] = "running",
                [JOB_UNDOING] = "undoing",
                [JOB_ENDING] = "ending",
                [JOB_DONE] = "done",
        };

        return names[state];
}

void job_get_log_context(const Job *job, LogContext *ret)
{
        instance_get_log_context(job->instance, ret);
        ret->job = job->id;
        ret->caller = job->caller;
}

void job_set_state(Job *job, JobState state)
{
        static const unsigned legal[_JOB_STATE_MAX] = {
                [JOB_STORING] = 1u << JOB_QUEUED | 1u << JOB_DONE,
                [JOB_QUEUED] = 1u << JOB_RUNNING | 1u << JOB_DONE,
                [JOB_RUNNING] = 1u << JOB_UNDOING | 1u << JOB_ENDING,
                [JOB_UNDOING] = 1u << JOB_ENDING,
                [JOB_ENDING] = 1u << JOB_DONE,
        };
        LogContext context;

        assert(legal[job->state] & 1u << state);
        job_get_log_context(job, &context);
        log_full(LOG_DEBUG, 0, &context, "Job %s: %s → %s", job->id, job_state_to_string(job->state),
                        job_state_to_string(state));
        job->state = state;
}

static const struct {
        const Step *steps;
        const size_t *n;
} job_tables[_JOB_KIND_MAX] = {
        [JOB_CREATE] = { create_steps, &n_create_steps },
        [JOB_DELETE] = { delete_steps, &n_delete_steps },
        [JOB_RESTART] = { restart_steps, &n_restart_steps },
};

int job_new(Manager *manager, Instance *instance, JobKind kind, Job **ret)
{
        _cleanup_(job_freep) Job *job = new0(Job, 1);

        if (!job)
                return -ENOMEM;
        job->id = str_printf("%s.%s", instance->id, job_kind_to_string(kind));
        if (!job->id)
                return -ENOMEM;
        job->manager = manager;
        job->instance = instance;
        job->kind = kind;
        job->steps = job_tables[kind].steps;
        job->n_steps = *job_tables[kind].n;
        assert(job->n_steps <= STEPS_MAX);
        for (size_t i = 0; i < job->n_steps; i++) {
                bool unwanted = job->steps[i].database_only && !instance->has_database;

                job->runs[i] = (StepRun){
                        .job = job,
                        .step = job->steps + i,
                        .state = unwanted ? STEP_DONE : STEP_WAITING,
                };
                job->done |= unwanted ? BIT(i) : 0;
        }
        *ret = TAKE_PTR(job);
        return 0;
}

/* Why a job failed, where there was no memory to say more. */
static char no_memory[] = "there was not enough memory";

void job_set_failure(Job *job, char *reason)
{
        if (job->failure != no_memory)
                free(job->failure);
        job->failure = reason ? reason : no_memory;
}

void step_stop(StepRun *run)
{
        run->pending = pending_cancel(run->pending);
        run->timer = sd_event_source_disable_unref(run->timer);
}

Job *job_free(Job *job)
{
        if (!job)
                return NULL;
        for (size_t i = 0; i < job->n_steps; i++) {
                step_stop(job->runs + i);
                free(job->runs[i].reason);
        }
        job_drop_waiters(job);
        pending_cancel(job->collecting);
        pending_cancel(job->commit);
        pending_cancel(job->persisting);
        sd_event_source_disable_unref(job->deadline);
        sd_event_source_disable_unref(job->retry);
        job_free(job->successor);
        for (size_t i = 0; i < ELEMENTSOF(job->end_texts); i++)
                free(job->end_texts[i]);
        instance_spec_free(job->spec);
        if (job->failure != no_memory)
                free(job->failure);
        free(job->log);
        strv_free(job->history);
        free(job->id);
        free(job->caller);
        free(job);
        return NULL;
}

/* ---- Steps ---- */

static bool step_is_ready(const Job *job, const Step *step)
{
        uint32_t after = step->after;

        if (job->instance->product && job->instance->product->needs_database_first)
                after |= step->after_database;
        for (size_t i = 0; i < job->n_steps; i++)
                if (after & 1u << i && job->runs[i].state != STEP_DONE)
                        return false;
        return true;
}

static bool job_has_running_steps(const Job *job)
{
        for (size_t i = 0; i < job->n_steps; i++)
                if (job->runs[i].state == STEP_RUNNING)
                        return true;
        return false;
}

static bool job_is_winding_down(const Job *job)
{
        return job->failure || job->cancelled;
}

/* No new steps; those that may be cut short are, the others come to their end first: what the engine is still
 * making could not be undone yet. */
static void job_wind_down(Job *job)
{
        for (size_t i = 0; i < job->n_steps; i++) {
                StepRun *run = job->runs + i;

                if (run->state == STEP_PAUSED || (run->state == STEP_RUNNING && run->step->abortable)) {
                        step_stop(run);
                        run->state = STEP_WAITING;
                }
        }
        if (job_has_running_steps(job) || job->collecting)
                return;
        job->deadline = sd_event_source_disable_unref(job->deadline);
        job_collect_log(job);
}

static void step_start(StepRun *run)
{
        int r;

        run->state = STEP_RUNNING;
        run->reason = mfree(run->reason);
        fault_point(run->job, run->step->name, "before");
        r = run->step->start(run);
        if (r > 0) {
                fault_point(run->job, run->step->name, "after");
                run->state = STEP_DONE;
        } else if (r < 0)
                step_done(run, r, strerror(-r));
}

/*
 * A daemon may die of what a step does, at once and again and again. So what is begun again begins nothing more before
 * it is stored that it was, and how far it has come: both count whatever follows.
 */
static bool job_is_held(Job *job)
{
        job->held = job->resumed && job->persisting;
        return job->held;
}

static bool job_is_held_for_progress(Job *job)
{
        if (job->resumed && job_note_done(job))
                job_persist(job);
        return job_is_held(job);
}

void job_go_on(Job *job)
{
        job->held = false;
        if (job->state == JOB_UNDOING)
                job_undo(job);
        else
                job_advance(job);
}

void job_advance(Job *job)
{
        bool all_done = true;

        if (job->state != JOB_RUNNING)
                return;
        if (job_is_winding_down(job)) {
                job_wind_down(job);
                return;
        }
        if (!job_settle_rewind(job) || job_is_held_for_progress(job))
                return;
        for (size_t i = 0; i < job->n_steps; i++) {
                StepRun *run = job->runs + i;

                if (run->state == STEP_WAITING && step_is_ready(job, run->step)) {
                        step_start(run);
                        if (job->state != JOB_RUNNING || job_is_winding_down(job))
                                return;
                        if (run->state != STEP_DONE)
                                continue;
                        if (job_is_held_for_progress(job))
                                return;
                        i = (size_t) -1; /* what waited for it may be ready */
                }
        }
        for (size_t i = 0; i < job->n_steps; i++)
                all_done = all_done && job->runs[i].state == STEP_DONE;
        job_update_phase(job);
        if (all_done)
                job_end(job);
}

void job_fail(Job *job, const Step *step, const char *reason)
{
        if (job_is_winding_down(job))
                return;
        job->failed_step = step;
        job_set_failure(job, instance_redact(job->instance, reason));
        job_wind_down(job);
}

static void step_log(StepRun *run, int level, int error, const char *reason)
{
        _cleanup_free_ char *clean = instance_redact(run->job->instance, strempty(reason));
        LogContext context;

        job_get_log_context(run->job, &context);
        context.step = run->step->name;
        if (error < 0)
                log_full(level, error, &context, "Step %s of job %s failed: %s", run->step->name,
                                run->job->id, strempty(clean));
        else
                log_full(level, 0, &context, "Step %s of job %s is done", run->step->name, run->job->id);
}

static void job_pass_undone(Job *job)
{
        job->undo_next--;
        if (job_note_undone(job, job->steps + job->undo_next))
                job_persist(job);
}

static void step_undone(StepRun *run)
{
        run->state = STEP_WAITING;
        job_pass_undone(run->job);
        job_undo(run->job);
}

static void step_done_undoing(StepRun *run, int error, const char *reason)
{
        if (error < 0) {
                step_log(run, LOG_WARNING, error, reason);
                /* A stranger's thing under the name is not ours to remove. */
                if (error != -EEXIST && step_retry_removal(run, error, reason))
                        return;
                run->job->left_behind = run->job->left_behind || error != -EEXIST;
        }
        step_undone(run);
}

void job_undo_overdue(Job *job)
{
        StepRun *run = job->runs + job->undo_next - 1;

        if (run->state != STEP_PAUSED)
                return; /* it comes to its end by itself */
        step_stop(run);
        job->left_behind = true;
        step_undone(run);
}

void step_done(StepRun *run, int error, const char *reason)
{
        Job *job = run->job;

        run->pending = NULL;
        job->unanswered = job->unanswered || error == -ETIMEDOUT || error == -ENOTCONN;
        if (job->state == JOB_UNDOING) {
                step_done_undoing(run, error, reason);
                return;
        }
        if (error == -EEXIST && job->kind == JOB_DELETE) {
                step_log(run, LOG_WARNING, error, reason);
                error = 0; /* what has the name is a stranger's: nothing of ours is there */
        }
        if (error == 0) {
                fault_point(job, run->step->name, "after");
                step_log(run, LOG_DEBUG, 0, NULL);
                run->state = STEP_DONE;
                job_advance(job);
                return;
        }
        step_log(run, step_must_wait(run, error) ? LOG_INFO : LOG_WARNING, error, reason);
        if (job_is_winding_down(job)) {
                run->state = STEP_FAILED;
                job_wind_down(job);
        } else if (job->kind == JOB_DELETE && step_retry_removal(run, error, reason))
                return;
        else if (step_must_wait(run, error))
                step_pause(run, error, reason ? reason : strerror(-error));
        else {
                run->state = STEP_FAILED;
                job_fail(job, run->step, reason ? reason : strerror(-error));
        }
}

void step_on_done(int error, const char *reason, void *userdata)
{
        step_done(userdata, error, reason);
}

/* ---- Start, failure, undo ---- */

static int job_prepare(Job *job)
{
        int r;

        if (job->kind == JOB_DELETE)
                return job_start_deadline(job, REMOVAL_DEADLINE_USEC);
        r = instance_spec_new(job->manager, job->instance, &job->spec);
        return r < 0 ? r : job_start_deadline(job, job->instance->product->deadline_usec);
}

/* Whether its attempts come no further. Taking away what it has made is given as many, and counted anew. */
static bool job_must_give_up(Job *job)
{
        if (job->given_up || job->tidying || job->attempts <= job->manager->retry_max)
                return job->given_up || job->tidying;
        if (job->kind == JOB_CREATE) {
                job->given_up = true;
                job->attempts = 0;
                job->done = 0;
        }
        return true;
}

static void job_give_up(Job *job)
{
        _cleanup_free_ char *reason = job->tidying ? NULL : job_format_history(job);

        job_persist(job);
        if (job->tidying)
                job_wind_down(job);
        else
                job_fail(job, job->steps, reason ? reason : "it was begun again too often");
}

void job_run(Job *job)
{
        int r;

        job_set_state(job, JOB_RUNNING);
        job->started_usec = now_monotonic();
        if (job->resumed)
                job->attempts++;
        if (job_must_give_up(job)) {
                job_give_up(job);
                return;
        }
        job->reached = job->steps;
        if (job->resumed)
                job_persist(job);
        r = job_prepare(job);
        if (r < 0)
                job_fail(job, job->steps, r == -ENODATA ? "its product is gone" : strerror(-r));
        else
                job_advance(job);
}

void job_cancel(Job *job)
{
        job->cancelled = true;
        switch (job->state) {
        case JOB_QUEUED:
                manager_unqueue_job(job->manager, job);
                job_end(job);
                break;
        case JOB_RUNNING:
                job_wind_down(job);
                break;
        default: /* it ends by itself */
                break;
        }
}

void job_undo(Job *job)
{
        while (job->undo_next > 0) {
                StepRun *run = job->runs + job->undo_next - 1;
                int r;

                if (!run->step->undo || (run->step->database_only && !job->instance->has_database)) {
                        job->undo_next--;
                        continue;
                }
                if (job_is_held(job))
                        return;
                run->state = STEP_RUNNING;
                fault_point(job, run->step->name, "undo");
                r = run->step->undo(run);
                if (r == 0)
                        return;
                if (r < 0) {
                        step_done_undoing(run, r, strerror(-r));
                        return;
                }
                run->state = STEP_WAITING;
                job_pass_undone(job);
        }
        job_end(job);
}

int job_resume(Manager *manager, Instance *instance, JobKind kind, unsigned attempts)
{
        _cleanup_(job_freep) Job *job = NULL;
        int r;

        r = job_new(manager, instance, kind, &job);
        if (r < 0)
                return r;
        job->resumed = true;
        job->attempts = attempts;
        r = kind == JOB_CREATE && instance_is_left_behind(instance) ? job_recall_failure(job) : 0;
        if (r < 0)
                return r;
        /* The phase falls back when a job is begun again; when the application's was entered stays on record. */
        job->database_verified = instance->timeline[PHASE_APP] != TIMELINE_UNSET ||
                                 instance->timeline[PHASE_HEALTH] != TIMELINE_UNSET;
        job_set_state(job, JOB_QUEUED);
        if (kind == JOB_DELETE)
                instance->status = INSTANCE_DELETING; /* the end of a create may have been written over it */
        instance->job = job;
        manager_queue_job(manager, TAKE_PTR(job));
        return 0;
}
