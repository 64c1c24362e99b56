/* SPDX-License-Identifier: MIT */

/* What a job writes to the store before anything is touched: its intent. */

#include "core/job/intent.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "core/job/commit.h"
#include "core/job/fault.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/queue.h"
#include "core/job/watch.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/doubts.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"

static void job_store_now(Job *job);

static void job_on_intent_failed(Job *job, int error, const char *reason)
{
        Manager *m = job->manager;
        Instance *i = job->instance;
        Job *successor = TAKE_PTR(job->successor);

        log_warning("Job %s could not be stored: %s", job->id, strempty(reason));
        job_tell(job, JOB_EVENT_STORE_FAILED, reason);
        job_set_state(job, JOB_DONE);
        if (i->job == job)
                i->job = successor;
        else if (i->job && i->job->successor == job)
                i->job->successor = NULL;
        if (job->plan->makes) {
                if (store_error_is_doubtful(error))
                        manager_doubt_creation(m, i);
                manager_release_addresses(m, i, false);
                manager_remove_instance(m, i);
        }
        job_free(job);
        job_store_now(successor);
}

/* A deletion that came before this job's intent was stored, and has waited for it: the store finds a job's entry in
 * the stream only once it has answered. */
static void job_store_now(Job *job)
{
        int r = job && job->state == JOB_STORING && !job->commit && !job->retry ? job_store(job) : 0;

        if (r < 0)
                job_on_intent_failed(job, r, strerror(-r));
}

static int job_on_intent_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Job *job = userdata;

        job->retry = sd_event_source_disable_unref(job->retry);
        if (job_store(job) < 0)
                job_commit_later(job, job_on_intent_retry);
        return 0;
}

/*
 * The store may have the intent, or may not. A create is taken back, as its caller will ask for another. A delete
 * or restart of something that is there is stored again until the answer is known: taken back, it would have to
 * bring back what it displaced.
 */
static void job_on_intent_doubtful(Job *job, const char *reason)
{
        if (job->commit_attempts++ == 0) {
                log_warning("It is not known whether job %s is stored, trying again: %s", job->id,
                                strempty(reason));
                job_tell(job, JOB_EVENT_STORE_DOUBTFUL, reason);
        }
        job_commit_later(job, job_on_intent_retry);
}

static void job_on_intent_stored(int error, const char *reason, void *userdata)
{
        Job *job = userdata;
        Instance *i = job->instance;

        job->commit = NULL;
        if (error < 0) {
                if (!job->plan->makes && (store_error_is_doubtful(error) || job->commit_attempts > 0))
                        job_on_intent_doubtful(job, reason);
                else
                        job_on_intent_failed(job, error, reason);
                return;
        }
        job->commit_attempts = 0;
        fault_point(job, "intent", "stored");
        job_set_state(job, JOB_QUEUED);
        if (job->plan->makes) {
                i->stored = true;
                manager_notify(job->manager, MANAGER_INSTANCE_ADDED, i, NULL);
        } else {
                if (job->plan->removes)
                        i->status = INSTANCE_DELETING;
                (void) free_and_strdup(&i->message, job->plan->message);
                manager_notify(job->manager, MANAGER_INSTANCE_CHANGED, i, NULL);
        }
        job_tell(job, JOB_EVENT_STORED, NULL);
        job_store_now(job->successor);
        if (i->job == job)
                manager_queue_job(job->manager, job);
        else
                job_cancel(i->job); /* queues this one when it has wound down */
}

static int job_store_making(Job *job, struct json_object *record)
{
        Instance *i = job->instance;
        _cleanup_json_ struct json_object *instance = instance_to_json(i, INSTANCE_VIEW_RECORD);
        _cleanup_json_ struct json_object *secrets = instance_secrets_to_json(i);

        if (!instance || !secrets)
                return -ENOMEM;
        const StoreWrite writes[] = {
                { STORE_PUT, STORE_SECRET, i->id, json_text(secrets) },
                { STORE_PUT, STORE_INSTANCE, i->id, json_text(instance), .score = i->created_usec },
                { STORE_PUT, STORE_JOB, job->id, json_text(record) },
                { STORE_ENQUEUE, .id = job->id },
                { STORE_PUT, STORE_IDEMPOTENCY, i->idempotency_key, i->id,
                                .ttl_usec = IDEMPOTENCY_TTL_USEC },
        };
        return job_commit(job, writes, ELEMENTSOF(writes) - (i->idempotency_key ? 0 : 1),
                        job_on_intent_stored);
}

static int job_store_removal(Job *job, struct json_object *record)
{
        Instance *i = job->instance, next = *i;
        _cleanup_json_ struct json_object *instance = NULL;
        Job *predecessor = i->job != job ? i->job : NULL;

        next.status = INSTANCE_DELETING;
        instance = instance_to_json(&next, INSTANCE_VIEW_RECORD);
        if (!instance)
                return -ENOMEM;
        const StoreWrite writes[] = {
                { STORE_PUT, STORE_INSTANCE, i->id, json_text(instance), .score = i->created_usec },
                { STORE_PUT, STORE_JOB, job->id, json_text(record) },
                { STORE_ENQUEUE, .id = job->id },
                { STORE_DELETE, STORE_JOB, predecessor ? predecessor->id : NULL },
                { STORE_DEQUEUE, .id = predecessor ? predecessor->id : NULL },
        };
        /* A phase of it that is on its way arrives before this, and none is sent any more. */
        return job_commit(job, writes, ELEMENTSOF(writes) - (predecessor ? 0 : 2), job_on_intent_stored);
}

static int job_store_alone(Job *job, struct json_object *record)
{
        const StoreWrite writes[] = {
                { STORE_PUT, STORE_JOB, job->id, json_text(record) },
                { STORE_ENQUEUE, .id = job->id },
        };

        return job_commit(job, writes, ELEMENTSOF(writes), job_on_intent_stored);
}

int job_store(Job *job)
{
        _cleanup_json_ struct json_object *record = job_to_record(job);

        if (!record)
                return -ENOMEM;
        fault_point(job, "intent", "before");
        if (job->plan->makes)
                return job_store_making(job, record);
        if (job->plan->removes)
                return job_store_removal(job, record);
        return job_store_alone(job, record);
}
