/* SPDX-License-Identifier: MIT */
#include "core/job/step.h"

#include "basic/log.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/model/instance.h"

bool step_is_ready(const Job *job, const Step *step)
{
        uint32_t after = step->after;

        if (job->instance->product && job->instance->product->needs_database_first)
                after |= step->after_database;
        for (size_t i = 0; i < job->n_steps; i++)
                if (after & 1u << i && job->runs[i].state != STEP_DONE)
                        return false;
        return true;
}

bool job_has_running_steps(const Job *job)
{
        for (size_t i = 0; i < job->n_steps; i++)
                if (job->runs[i].state == STEP_RUNNING)
                        return true;
        return false;
}

bool job_is_winding_down(const Job *job)
{
        return job->failure || job->cancelled;
}

void step_log(StepRun *run, int level, int error, const char *reason)
{
        _cleanup_free_ char *clean = instance_redact(run->job->instance, strempty(reason));
        LogContext context;

        job_get_log_context(run->job, &context);
        context.step = run->step->name;
        if (error < 0)
                log_full(level, error, &context, "Step %s of job %s failed: %s", run->step->name,
                                run->job->id, strempty(clean));
        else
                log_full(level, 0, &context, "Step %s of job %s is done", run->step->name, run->job->id);
}
