/* SPDX-License-Identifier: MIT */

/* Jobs that a daemon before this one had begun. */

#include "core/job/resume.h"

#include <errno.h>

#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/queue.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/state.h"

static const Step *find_failed_step(const Job *job)
{
        const char *phase = job->instance->error_step;

        for (size_t i = 0; phase && i < job->n_steps; i++)
                if (streq_ptr(instance_phase_to_string(job->steps[i].phase), phase))
                        return job->steps + i;
        return job->steps;
}

/* Has the job of an instance that was left behind end as the one before did. 0 or -ENOMEM. */
static int job_recall_failure(Job *job)
{
        const Instance *i = job->instance;
        char *reason = strdup(i->error_reason ? i->error_reason : "it failed");

        if (!reason)
                return -ENOMEM;
        job_set_failure(job, reason);
        job->failed_step = find_failed_step(job);
        job->tidying = job->given_up = true;
        return free_and_strdup(&job->log, i->error_log);
}

int job_resume(Manager *manager, Instance *instance, const Plan *plan, unsigned attempts)
{
        _cleanup_(job_freep) Job *job = NULL;
        int r;

        r = job_new(manager, instance, plan, &job);
        if (r < 0)
                return r;
        job->resumed = true;
        job->attempts = attempts;
        r = plan->makes && instance_is_left_behind(instance) ? job_recall_failure(job) : 0;
        if (r < 0)
                return r;
        /* The phase falls back when a job is begun again; when the application's was entered stays on record. */
        job->database_verified = instance->timeline[PHASE_APP] != TIMELINE_UNSET ||
                                 instance->timeline[PHASE_HEALTH] != TIMELINE_UNSET;
        job_set_state(job, JOB_QUEUED);
        if (plan->removes)
                instance->status = INSTANCE_DELETING; /* the end of a create may have been written over it */
        instance->job = job;
        manager_queue_job(manager, TAKE_PTR(job));
        return 0;
}
