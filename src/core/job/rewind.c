/* SPDX-License-Identifier: MIT */

/* Steps that are done once more, as what they made cannot be relied on any longer. */

#include "core/job/rewind.h"

#include "core/job/job.h"

/* What the engine is still making comes to its end first. */
static bool job_must_wait(const Job *job)
{
        for (size_t i = 0; i < job->n_steps; i++) {
                const StepRun *run = job->runs + i;

                if (job->rewind & BIT(i) && run->state == STEP_RUNNING && !run->step->abortable)
                        return true;
        }
        return false;
}

bool job_settle_rewind(Job *job)
{
        if (job->rewind == 0)
                return true;
        if (job_must_wait(job))
                return false;
        for (size_t i = 0; i < job->n_steps; i++) {
                StepRun *run = job->runs + i;

                if (!(job->rewind & BIT(i)))
                        continue;
                step_stop(run);
                free(run->reason);
                *run = (StepRun){ .job = job, .step = job->steps + i, .state = STEP_WAITING };
        }
        job->rewind = 0;
        return true;
}
