/* SPDX-License-Identifier: MIT */

/* What a failed create could not take away, as when the engine was away for too long, is taken away later: at each
 * start, and when engine or store come back. An instance that has ever been ready is not touched. */

#include <errno.h>

#include "basic/log.h"
#include "core/job.h"
#include "core/manager-internal.h"

static const Step *find_failed_step(const Job *job)
{
        const char *phase = job->instance->error_step;

        for (size_t i = 0; phase && i < job->n_steps; i++)
                if (streq_ptr(instance_phase_to_string(job->steps[i].phase), phase))
                        return job->steps + i;
        return job->steps;
}

int job_recall_failure(Job *job)
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

void job_tidy_all(Manager *m)
{
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);
                int r;

                if (i->job || !instance_is_left_behind(i))
                        continue;
                r = job_resume(m, i, JOB_CREATE, 0);
                if (r < 0)
                        log_error_errno(r, "What is left of instance %s cannot be removed: %m", i->id);
        }
}
