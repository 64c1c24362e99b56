/* SPDX-License-Identifier: MIT */
#include "core/job/watch.h"

#include <errno.h>

#include "core/job/job.h"

struct JobWatch {
        Job *job; /* NULL once that is gone */
        JobWatchHandler handler;
        void *userdata;
        JobWatch *next;
};

int job_watch(Job *job, JobWatchHandler handler, void *userdata, JobWatch **ret)
{
        JobWatch *watch = new0(JobWatch, 1);

        if (!watch)
                return -ENOMEM;
        *watch = (JobWatch){ job, handler, userdata, job->watches };
        job->watches = watch;
        *ret = watch;
        return 0;
}

JobWatch *job_watch_free(JobWatch *watch)
{
        if (!watch)
                return NULL;
        for (JobWatch **w = watch->job ? &watch->job->watches : NULL; w && *w; w = &(*w)->next)
                if (*w == watch) {
                        *w = watch->next;
                        break;
                }
        return mfree(watch);
}

void job_drop_watches(Job *job)
{
        for (JobWatch *w = job->watches; w; w = w->next)
                w->job = NULL;
        job->watches = NULL;
}

void job_tell(Job *job, JobEvent event, const char *reason)
{
        for (JobWatch *w = job->watches, *next; w; w = next) {
                next = w->next;
                w->handler(job->instance, event, reason, w->userdata); /* may free w */
        }
}
