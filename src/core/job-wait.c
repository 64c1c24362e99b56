/* SPDX-License-Identifier: MIT */

/* Requests that wait for what becomes of a job. */

#include <errno.h>

#include "core/job-record.h"

struct JobWaiter {
        Job *job;
        Request *request;
        JobWaiterHandler handler;
        JobWaiter *next;
};

static void job_waiter_free(void *state)
{
        JobWaiter *waiter = state;

        for (JobWaiter **w = waiter->job ? &waiter->job->waiters : NULL; w && *w; w = &(*w)->next)
                if (*w == waiter) {
                        *w = waiter->next;
                        break;
                }
        free(waiter);
}

int job_wait(Job *job, Request *request, JobWaiterHandler handler)
{
        JobWaiter *waiter = new0(JobWaiter, 1);

        if (!waiter)
                return -ENOMEM;
        if (!job->caller && free_and_strdup(&job->caller, request->caller.identity) < 0) {
                free(waiter);
                return -ENOMEM;
        }
        *waiter = (JobWaiter){ job, request, handler, job->waiters };
        job->waiters = waiter;
        request->state = waiter;
        request->state_free = job_waiter_free;
        return 0;
}

void job_drop_waiters(Job *job)
{
        for (JobWaiter *w = job->waiters; w; w = w->next)
                w->job = NULL;
        job->waiters = NULL;
}

void job_tell_waiters(Job *job, JobEvent event, const char *reason)
{
        for (JobWaiter *w = job->waiters, *next; w; w = next) {
                next = w->next;
                w->handler(w->request, job->instance, event, reason); /* frees w where it ends the request */
        }
}

void job_unwait(Request *request)
{
        request->state_free(request->state);
        request->state = NULL;
        request->state_free = NULL;
}
