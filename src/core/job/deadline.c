/* SPDX-License-Identifier: MIT */

/* Nothing is pending for ever: a job has its time, and says what it waited for when that is over. */

#include "core/job/deadline.h"

#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/registry/context.h"
#include "core/registry/state.h"

char *job_format_overdue(const Job *job, const StepRun *run)
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

int job_start_deadline(Job *job, uint64_t usec, sd_event_time_handler_t handler)
{
        job->deadline = sd_event_source_disable_unref(job->deadline);
        job->deadline_usec = usec;
        job->overdue = false;
        return sd_event_add_time_relative(job->manager->event, &job->deadline, CLOCK_MONOTONIC, usec,
                        10 * USEC_PER_MSEC, handler, job);
}
