/* SPDX-License-Identifier: MIT */

/* Steps that did not succeed and may do so yet: when they are tried again. */

#include <errno.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/job.h"
#include "core/manager-internal.h"

/* A removal that fails is tried again after 100 ms, 200 ms, … and given up after this many times. */
#define REMOVE_ATTEMPTS_MAX 8
/* … or where it has failed for so long: an attempt may take a minute itself. */
#define REMOVE_PATIENCE_USEC (30 * USEC_PER_SEC)
#define ENGINE_RETRY_USEC    (200 * USEC_PER_MSEC)
#define FILES_RETRY_USEC     USEC_PER_SEC

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

static bool is_out_of_files(int error)
{
        return error == -EMFILE || error == -ENFILE;
}

void step_pause(StepRun *run, int error, const char *reason)
{
        run->state = STEP_PAUSED;
        run->stage = 0;
        (void) free_and_strdup(&run->reason, reason);
        if (is_out_of_files(error))
                step_retry_after(run, FILES_RETRY_USEC);
        else if (run->job->manager->engine->vtable->is_connected(run->job->manager->engine))
                step_retry_after(run, ENGINE_RETRY_USEC);
}

void job_on_engine_connected(Job *job)
{
        for (size_t i = 0; i < job->n_steps; i++)
                if (job->runs[i].state == STEP_PAUSED)
                        step_retry_after(job->runs + i, 0);
        if (job->kind == JOB_CREATE)
                create_on_engine_connected(job);
}

/* One that hangs, or is only just being started, takes requests and does not answer them. */
static bool engine_is_away(const Job *job, int error)
{
        EnginePort *engine = job->manager->engine;

        return error == -ENOTCONN || (error == -ETIMEDOUT && !engine->vtable->is_connected(engine));
}

bool step_must_wait(const StepRun *run, int error)
{
        return is_out_of_files(error) || engine_is_away(run->job, error);
}

bool step_retry_removal(StepRun *run, int error, const char *reason)
{
        if (run->job->overdue)
                return false;
        if (step_must_wait(run, error)) {
                run->attempts = 0;
                step_pause(run, error, reason);
                return true;
        }
        if (run->attempts == 0)
                run->failing_usec = now_monotonic();
        if (++run->attempts >= REMOVE_ATTEMPTS_MAX ||
                        now_monotonic() - run->failing_usec >= REMOVE_PATIENCE_USEC)
                return false;
        run->state = STEP_PAUSED;
        run->stage = 0;
        (void) free_and_strdup(&run->reason, reason);
        step_retry_after(run, (100 * USEC_PER_MSEC) << (run->attempts - 1));
        return true;
}
