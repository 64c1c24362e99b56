/* SPDX-License-Identifier: MIT */
#include "core/verbs/wait.h"

#include <errno.h>

#include "core/job/job.h"
#include "core/job/watch.h"
#include "core/model/instance.h"
#include "core/verbs/request.h"

typedef struct Wait {
        JobWatch *watch;
        Request *request;
        RequestJobHandler handler;
} Wait;

static void wait_free(void *state)
{
        Wait *wait = state;

        job_watch_free(wait->watch);
        free(wait);
}

static void on_job_event(Instance *instance, JobEvent event, const char *reason, void *userdata)
{
        Wait *wait = userdata;

        wait->handler(wait->request, instance, event, reason);
}

int request_wait(Request *request, Job *job, RequestJobHandler handler)
{
        Wait *wait;

        if (!job->caller && free_and_strdup(&job->caller, request->caller.identity) < 0)
                return -ENOMEM;
        wait = new0(Wait, 1);
        if (!wait)
                return -ENOMEM;
        *wait = (Wait){ NULL, request, handler };
        if (job_watch(job, on_job_event, wait, &wait->watch) < 0) {
                free(wait);
                return -ENOMEM;
        }
        request->state = wait;
        request->state_free = wait_free;
        return 0;
}

void request_stop_waiting(Request *request)
{
        request->state_free(request->state);
        request->state = NULL;
        request->state_free = NULL;
}
