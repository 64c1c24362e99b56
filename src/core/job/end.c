/* SPDX-License-Identifier: MIT */

/* How a job ends: what it leaves of the instance is stored, then put into effect and told. */

#include "core/job/end.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "core/job/commit.h"
#include "core/job/fault.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/watch.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/registry/hooks.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"

/* The instance as the job leaves it: strings are borrowed. */
typedef struct EndState {
        InstanceStatus status;
        InstancePhase phase;
        const char *message;
        const char *step, *reason, *log;
} EndState;

static const char left_behind_message[] =
                "The deployment failed, and not all of it could be removed; delete it";

static EndState job_end_state(const Job *job)
{
        const Instance *i = job->instance;

        if (job->failure)
                return (EndState){
                        .status = INSTANCE_FAILED,
                        .phase = i->phase,
                        .message = job->left_behind ? left_behind_message : job->plan->failure_message,
                        .step = instance_phase_to_string(job->failed_step->phase),
                        .reason = job->failure,
                        .log = job->log,
                };
        if (!job->plan->removes)
                return (EndState){
                        .status = INSTANCE_RUNNING, .phase = PHASE_READY, .message = instance_ready_message
                };
        return (EndState){ .status = INSTANCE_DELETED, .phase = i->phase, .message = "Deleted" };
}

/* Whether the end leaves nothing in the engine, so that addresses and secrets are free. */
static bool job_leaves_nothing(const Job *job, const EndState *end)
{
        return end->status == INSTANCE_DELETED ||
               (end->status == INSTANCE_FAILED && job->plan->makes && !job->left_behind);
}

static bool job_keeps_secrets(const Job *job, const EndState *end)
{
        return end->status != INSTANCE_DELETED && !(job->plan->makes && job->failure);
}

static void end_state_fill(const EndState *end, uint64_t now, Instance *next)
{
        next->status = end->status;
        next->phase = end->phase;
        next->message = (char *) end->message;
        next->error_step = (char *) end->step;
        next->error_reason = (char *) end->reason;
        next->error_log = (char *) end->log;
        next->verdict_usec = end->reason ? now : 0;
        if (end->status == INSTANCE_RUNNING) {
                next->progress = 1;
                if (next->timeline[PHASE_READY] == TIMELINE_UNSET)
                        next->timeline[PHASE_READY] = usec_between(next->created_usec, now) / USEC_PER_MSEC;
        } else if (end->status == INSTANCE_DELETED || next->timeline[PHASE_READY] == TIMELINE_UNSET)
                next->upstream = NULL;
        if (end->status == INSTANCE_DELETED)
                next->deleted_usec = now;
}

/* Before the end is stored, so that nothing is missing of it then. */
static int end_state_copy(const EndState *end, Job *job)
{
        const char *const texts[ELEMENTSOF(job->end_texts)] = { end->message, end->step, end->reason,
                end->log };

        for (size_t k = 0; k < ELEMENTSOF(texts); k++) {
                int r = free_and_strdup(&job->end_texts[k], texts[k]);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Puts the end into effect, now that the store has it. */
static void end_state_apply(const EndState *end, Job *job)
{
        Instance *i = job->instance, next = *i;
        char **const texts[ELEMENTSOF(job->end_texts)] = { &i->message, &i->error_step, &i->error_reason,
                &i->error_log };

        end_state_fill(end, job->ended_usec, &next);
        for (size_t k = 0; k < ELEMENTSOF(texts); k++) {
                free(*texts[k]);
                *texts[k] = TAKE_PTR(job->end_texts[k]);
        }
        if (!next.upstream)
                i->upstream = mfree(i->upstream);
        i->status = next.status;
        i->phase = next.phase;
        i->progress = next.progress;
        i->verdict_usec = next.verdict_usec;
        i->revived = false;
        i->revived_restarts = 0;
        i->deleted_usec = next.deleted_usec;
        memcpy(i->timeline, next.timeline, sizeof i->timeline);
}

static void job_log_tidied(const Job *job)
{
        LogContext context;

        job_get_log_context(job, &context);
        if (job->left_behind)
                log_full(LOG_WARNING, 0, &context,
                                "What was left of the failed instance %s could still not be removed whole",
                                job->instance->id);
        else
                log_full(LOG_INFO, 0, &context, "Removed what was left of the failed instance %s",
                                job->instance->id);
}

static void job_log_end(const Job *job, const EndState *end)
{
        LogContext context;
        uint64_t ms = job->started_usec ? (now_monotonic() - job->started_usec) / USEC_PER_MSEC : 0;

        job_get_log_context(job, &context);
        context.message_id = end->reason ? job->plan->failed_id : job->plan->ended_id;
        context.step = end->step;
        if (end->reason)
                log_full(LOG_WARNING, 0, &context, "Instance %s of %s failed in step %s: %s",
                                job->instance->id, job->instance->product_id, end->step, end->reason);
        else
                log_full(LOG_INFO, 0, &context, "Instance %s of %s is %s after %llu ms", job->instance->id,
                                job->instance->product_id, instance_status_to_string(end->status),
                                (unsigned long long) ms);
}

static double job_seconds(const Job *job)
{
        return job->started_usec ? (double) (now_monotonic() - job->started_usec) / USEC_PER_SEC : -1;
}

static void job_count_end(const Job *job, const EndState *end)
{
        Counters *counters = &job->manager->counters;

        count_job(counters, plan_index(job->manager, job->plan), end->reason ? JOB_FAILED : JOB_SUCCEEDED,
                        job_seconds(job));
        if (job->plan->makes && !end->reason)
                count_deploy(counters, job->instance);
}

/* Hands the instance to what comes next and frees the job. */
static void job_finish(Job *job, bool deleted)
{
        Manager *m = job->manager;
        Instance *i = job->instance;
        const JobEnd end = {
                .plan = job->plan,
                .ran = job->started_usec != 0,
                .resumed = job->resumed,
                .unanswered = job->unanswered,
                .deleted = deleted,
        };

        job_set_state(job, JOB_DONE);
        i->job = TAKE_PTR(job->successor);
        job_tell(job, JOB_EVENT_ENDED, job->note);
        job_free(job);
        m->hooks->job_ended(m, i, &end);
}

static int job_on_end_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Job *job = userdata;

        job->retry = sd_event_source_disable_unref(job->retry);
        job_end(job);
        return 0;
}

static void job_on_end_stored(int error, const char *reason, void *userdata)
{
        Job *job = userdata;
        Instance *i = job->instance;
        EndState end = job_end_state(job);

        job->commit = NULL;
        if (error < 0) {
                if (job->commit_attempts++ == 0)
                        log_warning("The end of job %s is not stored yet, trying again: %s", job->id,
                                        strempty(reason));
                job_commit_later(job, job_on_end_retry);
                return;
        }
        fault_point(job, "end", "stored");
        end_state_apply(&end, job);
        if (job->tidying)
                job_log_tidied(job);
        else {
                job_log_end(job, &end);
                job_count_end(job, &end);
        }
        if (job_leaves_nothing(job, &end))
                manager_release_addresses(job->manager, i, true);
        if (!job_keeps_secrets(job, &end))
                instance_erase_secrets(i);
        manager_notify(job->manager,
                        end.status == INSTANCE_DELETED ? MANAGER_INSTANCE_REMOVED : MANAGER_INSTANCE_CHANGED,
                        i, NULL);
        job_finish(job, end.status == INSTANCE_DELETED);
}

void job_end(Job *job)
{
        Instance next = *job->instance;
        _cleanup_json_ struct json_object *instance = NULL;
        EndState end;
        int r;

        if (job->cancelled && job->state != JOB_ENDING) {
                /* What follows has been stored already, and this job taken out with it. */
                if (job->state != JOB_QUEUED)
                        job_set_state(job, JOB_ENDING);
                count_job(&job->manager->counters, plan_index(job->manager, job->plan), JOB_CANCELLED, -1);
                job_finish(job, false);
                return;
        }
        if (job->state != JOB_ENDING)
                job_set_state(job, JOB_ENDING);
        job->deadline = sd_event_source_disable_unref(job->deadline);
        job->persisting = pending_cancel(job->persisting);
        fault_point(job, "end", "before");
        end = job_end_state(job);
        if (job->ended_usec == 0)
                job->ended_usec = now_realtime();
        end_state_fill(&end, job->ended_usec, &next);
        if (job_leaves_nothing(job, &end))
                next.subnet = NULL; /* it is somebody else's from now on */
        instance = instance_to_json(&next, INSTANCE_VIEW_RECORD);
        const StoreWrite writes[] = {
                { STORE_PUT, STORE_INSTANCE, next.id, instance ? json_text(instance) : NULL,
                                .score = next.created_usec,
                                .ttl_usec = end.status == INSTANCE_DELETED ? job->manager->tombstone_usec
                                                                           : 0 },
                { STORE_DELETE, STORE_JOB, job->id },
                { STORE_DEQUEUE, .id = job->id },
                { STORE_DELETE, STORE_SECRET, next.id },
        };
        r = end_state_copy(&end, job);
        if (r >= 0)
                r = instance ? job_commit(job, writes,
                                               ELEMENTSOF(writes) - (job_keeps_secrets(job, &end) ? 1 : 0),
                                               job_on_end_stored)
                             : -ENOMEM;
        if (r < 0)
                job_on_end_stored(r, strerror(-r), job);
}
