/* SPDX-License-Identifier: MIT */
#include "core/job/job.h"

#include <assert.h>
#include <errno.h>

#include "basic/log.h"
#include "core/job/plan.h"
#include "core/job/watch.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/spec.h"

static const char *job_state_to_string(JobState state)
{
        static const char *const names[_JOB_STATE_MAX] = {
                [JOB_STORING] = "storing",
                [JOB_QUEUED] = "queued",
                [JOB_RUNNING] = "running",
                [JOB_UNDOING] = "undoing",
                [JOB_ENDING] = "ending",
                [JOB_DONE] = "done",
        };

        return names[state];
}

void job_get_log_context(const Job *job, LogContext *ret)
{
        instance_get_log_context(job->instance, ret);
        ret->job = job->id;
        ret->caller = job->caller;
}

void job_set_state(Job *job, JobState state)
{
        static const unsigned legal[_JOB_STATE_MAX] = {
                [JOB_STORING] = 1u << JOB_QUEUED | 1u << JOB_DONE,
                [JOB_QUEUED] = 1u << JOB_RUNNING | 1u << JOB_DONE,
                [JOB_RUNNING] = 1u << JOB_UNDOING | 1u << JOB_ENDING,
                [JOB_UNDOING] = 1u << JOB_ENDING,
                [JOB_ENDING] = 1u << JOB_DONE,
        };
        LogContext context;

        assert(legal[job->state] & 1u << state);
        job_get_log_context(job, &context);
        log_full(LOG_DEBUG, 0, &context, "Job %s: %s → %s", job->id, job_state_to_string(job->state),
                        job_state_to_string(state));
        job->state = state;
}

int job_new(Manager *manager, Instance *instance, const Plan *plan, Job **ret)
{
        _cleanup_(job_freep) Job *job = new0(Job, 1);

        if (!job)
                return -ENOMEM;
        job->id = str_printf("%s.%s", instance->id, plan->name);
        if (!job->id)
                return -ENOMEM;
        job->manager = manager;
        job->instance = instance;
        job->plan = plan;
        job->steps = plan->steps;
        job->n_steps = plan->n_steps;
        assert(job->n_steps <= STEPS_MAX);
        for (size_t i = 0; i < job->n_steps; i++) {
                bool unwanted = job->steps[i].database_only && !instance->has_database;

                job->runs[i] = (StepRun){
                        .job = job,
                        .step = job->steps + i,
                        .state = unwanted ? STEP_DONE : STEP_WAITING,
                };
                job->done |= unwanted ? BIT(i) : 0;
        }
        *ret = TAKE_PTR(job);
        return 0;
}

/* Why a job failed, where there was no memory to say more. */
static char no_memory[] = "there was not enough memory";

void job_set_failure(Job *job, char *reason)
{
        if (job->failure != no_memory)
                free(job->failure);
        job->failure = reason ? reason : no_memory;
}

void step_stop(StepRun *run)
{
        run->pending = pending_cancel(run->pending);
        run->timer = sd_event_source_disable_unref(run->timer);
}

Job *job_free(Job *job)
{
        if (!job)
                return NULL;
        for (size_t i = 0; i < job->n_steps; i++) {
                step_stop(job->runs + i);
                free(job->runs[i].reason);
                strv_free(job->runs[i].todo);
        }
        job_drop_watches(job);
        pending_cancel(job->collecting);
        pending_cancel(job->commit);
        pending_cancel(job->persisting);
        sd_event_source_disable_unref(job->deadline);
        sd_event_source_disable_unref(job->retry);
        job_free(job->successor);
        for (size_t i = 0; i < ELEMENTSOF(job->end_texts); i++)
                free(job->end_texts[i]);
        instance_spec_free(job->spec);
        if (job->failure != no_memory)
                free(job->failure);
        free(job->log);
        free(job->public_url);
        if (job->plan && job->plan->release)
                job->plan->release(job);
        free(job->note);
        free(job->exposed);
        free(job->listens);
        strv_free(job->history);
        free(job->id);
        free(job->caller);
        free(job);
        return NULL;
}

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
