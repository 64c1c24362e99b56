/* SPDX-License-Identifier: MIT */

/* Nothing is pending for ever: what becomes of a job when its time is over. */

#include "basic/time-util.h"
#include "core/job.h"
#include "core/manager-internal.h"

const StepRun *job_current_run(const Job *job)
{
        const StepRun *current = NULL;

        for (size_t i = 0; i < job->n_steps; i++) {
                const StepRun *run = job->runs + i;

                if ((run->state == STEP_RUNNING || run->state == STEP_PAUSED) &&
                                (!current || run->step->phase < current->step->phase))
                        current = run;
        }
        return current;
}

static char *format_reason(const Job *job, const StepRun *run)
{
        uint64_t usec = job->deadline_usec;
        bool in_minutes = usec % USEC_PER_MINUTE == 0 && usec >= 5 * USEC_PER_MINUTE;
        const char *last = !manager_engine_connected(job->manager) ? "the engine (Docker) cannot be reached"
                           : run                                   ? run->reason
                                                                   : NULL;

        return str_printf("it was not done within %llu %s%s%s",
                        (unsigned long long) (usec / (in_minutes ? USEC_PER_MINUTE : USEC_PER_SEC)),
                        in_minutes ? "min" : "s", last ? "; at the end: " : "", strempty(last));
}

static int job_on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
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
        reason = format_reason(job, run);
        job_fail(job, run ? run->step : job->steps, reason ? reason : "it took too long");
        return 0;
}

int job_start_deadline(Job *job, uint64_t usec)
{
        job->deadline = sd_event_source_disable_unref(job->deadline);
        job->deadline_usec = usec;
        job->overdue = false;
        return sd_event_add_time_relative(job->manager->event, &job->deadline, CLOCK_MONOTONIC, usec,
                        10 * USEC_PER_MSEC, job_on_deadline, job);
}
