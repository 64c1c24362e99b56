/* SPDX-License-Identifier: MIT */

/*
 * The state machine: steps are started as their predecessors are done, paused, tried again, undone; the job comes to its
 * end. It knows neither what the steps do nor for what kind of job.
 */

#include "core/job/run.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "core/job/commit.h"
#include "core/job/deadline.h"
#include "core/job/end.h"
#include "core/job/fault.h"
#include "core/job/history.h"
#include "core/job/job.h"
#include "core/job/last-words.h"
#include "core/job/plan.h"
#include "core/job/progress.h"
#include "core/job/retry.h"
#include "core/job/rewind.h"
#include "core/job/step.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"

static void job_advance(Job *job);
static void job_undo(Job *job);

/* ---- Keeping how far it has come ---- */

static void job_persist(Job *job);

/* The record that it was held for is stored, or cannot be for now. */
static void job_go_on(Job *job)
{
        job->held = false;
        if (job->state == JOB_UNDOING)
                job_undo(job);
        else
                job_advance(job);
}

static void on_persisted(int error, const char *reason, void *userdata)
{
        Job *job = userdata;

        job->persisting = NULL;
        if (error < 0)
                log_debug("The phase of %s is not stored yet: %s", job->instance->id, strempty(reason));
        else
                fault_point(job, instance_phase_to_string(job->instance->phase), "stored");
        if (error >= 0 && job->dirty)
                job_persist(job);
        job->dirty = false;
        if (job->held && !job->persisting)
                job_go_on(job);
}

/* Best effort: the end of the job writes all again, and waits for it. */
static void job_persist(Job *job)
{
        _cleanup_json_ struct json_object *instance = NULL, *record = NULL;
        StorePort *store = job->manager->store;

        if (job->successor)
                return; /* a deletion is stored, or on its way there: this would be written over it */
        if (job->persisting) {
                job->dirty = true;
                return;
        }
        instance = instance_to_json(job->instance, INSTANCE_VIEW_RECORD);
        record = job_to_record(job);
        if (!instance || !record) {
                log_oom();
                return;
        }
        const StoreWrite writes[] = {
                { STORE_PUT, STORE_JOB, job->id, json_text(record) },
                { STORE_PUT, STORE_INSTANCE, job->instance->id, json_text(instance),
                                .score = job->instance->created_usec },
        };
        /* Only a create changes its instance before its end. */
        (void) store->vtable->commit(store, writes, ELEMENTSOF(writes) - (job->plan->makes ? 0 : 1),
                        MANAGER_STORE_TIMEOUT_USEC, on_persisted, job, &job->persisting);
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

void job_update_phase(Job *job)
{
        bool moved, entered = false, changed = false;

        if (job->state != JOB_RUNNING)
                return;
        moved = job_note_done(job);
        moved = job_note_reached(job) || moved;
        if (job->plan->makes)
                changed = progress_update(job, &entered);
        if (moved || entered)
                job_persist(job);
        if (changed)
                manager_notify(job->manager, MANAGER_INSTANCE_CHANGED, job->instance, NULL);
}

/* ---- Trying again ---- */

static int step_on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        StepRun *run = userdata;

        run->timer = sd_event_source_disable_unref(run->timer);
        if (run->job->state == JOB_UNDOING)
                job_undo(run->job);
        else if (run->state == STEP_PAUSED) {
                run->state = STEP_WAITING;
                job_advance(run->job);
        }
        return 0;
}

static void step_retry_after(StepRun *run, uint64_t delay_usec)
{
        run->timer = sd_event_source_disable_unref(run->timer);
        manager_call_later(run->job->manager, delay_usec, USEC_PER_MSEC, step_on_retry, run, &run->timer);
}

static void step_pause(StepRun *run, int error, const char *reason)
{
        uint64_t usec = step_pause_usec(run, error);

        run->state = STEP_PAUSED;
        run->stage = 0;
        (void) free_and_strdup(&run->reason, reason);
        if (usec != UINT64_MAX)
                step_retry_after(run, usec);
}

/* Answers false where to give up. */
static bool step_retry_removal(StepRun *run, int error, const char *reason)
{
        uint64_t usec;

        if (run->job->overdue)
                return false;
        if (step_must_wait(run, error)) {
                run->attempts = 0;
                step_pause(run, error, reason);
                return true;
        }
        usec = step_removal_usec(run);
        if (usec == UINT64_MAX)
                return false;
        run->state = STEP_PAUSED;
        run->stage = 0;
        (void) free_and_strdup(&run->reason, reason);
        step_retry_after(run, usec);
        return true;
}

void job_on_engine_connected(Job *job)
{
        for (size_t i = 0; i < job->n_steps; i++)
                if (job->runs[i].state == STEP_PAUSED)
                        step_retry_after(job->runs + i, 0);
        if (job->plan->engine_connected)
                job->plan->engine_connected(job);
}

void job_rewind(Job *job, uint32_t steps)
{
        job->rewind |= steps;
        job_advance(job);
}

/* ---- Undoing ---- */

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

static void job_undo(Job *job)
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

/* Its time for that is over: what waits is given up, the rest tried once. */
static void job_undo_overdue(Job *job)
{
        StepRun *run = job->runs + job->undo_next - 1;

        if (run->state != STEP_PAUSED)
                return; /* it comes to its end by itself */
        step_stop(run);
        job->left_behind = true;
        step_undone(run);
}

/* ---- Failing ---- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata);

/* Its daemon does not survive that either: what is left is an operator's. */
static bool job_undid_too_often(Job *job)
{
        if (!job->given_up || job->attempts <= job->manager->retry_max)
                return false;
        job->left_behind = true;
        return true;
}

static void job_begin_undo(Job *job)
{
        int r;

        job->held = false;
        if (job->plan->makes && !job_undid_too_often(job)) {
                job_set_state(job, JOB_UNDOING);
                for (size_t i = 0; i < job->n_steps; i++) {
                        job->runs[i].attempts = 0;
                        job->runs[i].stage = 0;
                }
                job->undo_next = job->n_steps;
                r = job_start_deadline(job, REMOVAL_DEADLINE_USEC, on_deadline);
                if (r < 0)
                        log_error_errno(r, "Cannot set a timer: %m");
                job_undo(job);
        } else if (job->plan->failed)
                job->plan->failed(job);
        else
                job_end(job);
}

/* No new steps; those that may be cut short are, the others come to their end first: what the engine is still
 * making could not be undone yet. */
void job_wind_down(Job *job)
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
        if (!job_collect_log(job, job_begin_undo))
                job_begin_undo(job);
}

static void job_fail(Job *job, const Step *step, const char *reason)
{
        if (job_is_winding_down(job))
                return;
        job->failed_step = step;
        job_set_failure(job, instance_redact(job->instance, reason));
        job_wind_down(job);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Job *job = userdata;
        const StepRun *run = job_current_run(job);
        _cleanup_free_ char *reason = NULL;

        job->deadline = sd_event_source_disable_unref(job->deadline);
        job->overdue = true;
        if (job->state == JOB_UNDOING) {
                job_undo_overdue(job);
                return 0;
        }
        reason = job_format_overdue(job, run);
        job_fail(job, run ? run->step : job->steps, reason ? reason : "it took too long");
        return 0;
}

/* ---- Going on ---- */

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

static void job_advance(Job *job)
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

void step_done(StepRun *run, int error, const char *reason)
{
        Job *job = run->job;

        run->pending = NULL;
        job->unanswered = job->unanswered || error == -ETIMEDOUT || error == -ENOTCONN;
        if (job->state == JOB_UNDOING) {
                step_done_undoing(run, error, reason);
                return;
        }
        if (error == -EEXIST && job->plan->removes) {
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
        } else if (job->plan->removes && step_retry_removal(run, error, reason))
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

/* ---- Starting ---- */

static int job_prepare(Job *job)
{
        const Plan *plan = job->plan;
        int r = plan->make_spec ? plan->make_spec(job) : 0;

        return r < 0 ? r : job_start_deadline(job, plan->deadline_usec(job), on_deadline);
}

/* Whether its attempts come no further. Taking away what it has made is given as many, and counted anew. */
static bool job_must_give_up(Job *job)
{
        if (job->given_up || job->tidying || job->attempts <= job->manager->retry_max)
                return job->given_up || job->tidying;
        if (job->plan->makes) {
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
