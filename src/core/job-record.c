/* SPDX-License-Identifier: MIT */

/* What a job writes to the store: its intent before it begins, its end, and what waits for either. */

#include "core/job-record.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/fault.h"
#include "core/manager-internal.h"
#include "core/reconcile.h"
#include "core/retention.h"

#define IDEMPOTENCY_TTL_USEC  USEC_PER_DAY
#define COMMIT_RETRY_MAX_USEC (2 * USEC_PER_SEC)

struct json_object *job_to_record(const Job *job)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();
        int r;

        if (!json)
                return NULL;
        r = json_set_string(json, "id", job->id);
        if (r >= 0)
                r = json_set_string(json, "kind", job_kind_to_string(job->kind));
        if (r >= 0)
                r = json_set_string(json, "instance", job->instance->id);
        if (r >= 0)
                r = json_set_string(json, "step", instance_phase_to_string(job->instance->phase));
        if (r >= 0)
                r = json_set_u64(json, "attempts", job->attempts);
        if (r >= 0 && job->caller)
                r = json_set_string(json, "caller", job->caller);
        return r < 0 ? NULL : TAKE_PTR(json);
}

/* ---- Waiting requests ---- */

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

static void job_tell_waiters(Job *job, JobEvent event)
{
        for (JobWaiter *w = job->waiters, *next; w; w = next) {
                next = w->next;
                w->handler(w->request, job->instance, event); /* frees w where it ends the request */
        }
}

void job_unwait(Request *request)
{
        request->state_free(request->state);
        request->state = NULL;
        request->state_free = NULL;
}

/* ---- Intent ---- */

static void job_store_now(Job *job);

static void job_on_intent_failed(Job *job, int error, const char *reason)
{
        Manager *m = job->manager;
        Instance *i = job->instance;
        Job *successor = TAKE_PTR(job->successor);

        log_warning("Job %s could not be stored: %s", job->id, strempty(reason));
        job_tell_waiters(job, JOB_EVENT_STORE_FAILED);
        job_set_state(job, JOB_DONE);
        if (i->job == job)
                i->job = successor;
        else if (i->job && i->job->successor == job)
                i->job->successor = NULL;
        if (job->kind == JOB_CREATE) {
                if (store_error_is_doubtful(error))
                        manager_doubt(m, STORE_INSTANCE, i->id);
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

static void job_commit_later(Job *job, sd_event_time_handler_t handler)
{
        unsigned n = job->commit_attempts < 6 ? job->commit_attempts : 6;
        uint64_t delay = (50 * USEC_PER_MSEC) << n;
        int r;

        r = sd_event_add_time_relative(job->manager->event, &job->retry, CLOCK_MONOTONIC,
                        delay < COMMIT_RETRY_MAX_USEC ? delay : COMMIT_RETRY_MAX_USEC, 0, handler, job);
        if (r < 0)
                log_error_errno(r, "Cannot set a timer: %m");
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
                job_tell_waiters(job, JOB_EVENT_STORE_DOUBTFUL);
        }
        job_commit_later(job, job_on_intent_retry);
}

static void job_on_intent_stored(int error, const char *reason, void *userdata)
{
        Job *job = userdata;
        Instance *i = job->instance;

        job->commit = NULL;
        if (error < 0) {
                if (job->kind != JOB_CREATE && (store_error_is_doubtful(error) || job->commit_attempts > 0))
                        job_on_intent_doubtful(job, reason);
                else
                        job_on_intent_failed(job, error, reason);
                return;
        }
        job->commit_attempts = 0;
        fault_point(job, "intent", "stored");
        job_set_state(job, JOB_QUEUED);
        if (job->kind == JOB_CREATE) {
                i->stored = true;
                manager_notify(job->manager, MANAGER_INSTANCE_ADDED, i, NULL);
        } else {
                if (job->kind == JOB_DELETE)
                        i->status = INSTANCE_DELETING;
                (void) free_and_strdup(
                                &i->message, job->kind == JOB_DELETE ? "Being deleted" : "Being restarted");
                manager_notify(job->manager, MANAGER_INSTANCE_CHANGED, i, NULL);
        }
        job_tell_waiters(job, JOB_EVENT_STORED);
        job_store_now(job->successor);
        if (i->job == job)
                manager_queue_job(job->manager, job);
        else
                job_cancel(i->job); /* queues this one when it has wound down */
}

static int job_commit(Job *job, const StoreWrite *writes, size_t n, PortDone done)
{
        StorePort *store = job->manager->store;

        return store->vtable->commit(store, writes, n, MANAGER_STORE_TIMEOUT_USEC, done, job, &job->commit);
}

static int job_store_create(Job *job, struct json_object *record)
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

static int job_store_delete(Job *job, struct json_object *record)
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
        if (predecessor) /* its phases must not be written over this */
                predecessor->persisting = pending_cancel(predecessor->persisting);
        return job_commit(job, writes, ELEMENTSOF(writes) - (predecessor ? 0 : 2), job_on_intent_stored);
}

static int job_store_restart(Job *job, struct json_object *record)
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
        switch (job->kind) {
        case JOB_CREATE:
                return job_store_create(job, record);
        case JOB_DELETE:
                return job_store_delete(job, record);
        default:
                return job_store_restart(job, record);
        }
}

/* ---- End ---- */

/* The instance as the job leaves it: strings are borrowed. */
typedef struct EndState {
        InstanceStatus status;
        InstancePhase phase;
        const char *message;
        const char *step, *reason, *log;
} EndState;

static const char left_behind_message[] =
                "The deployment failed, and not all of it could be removed; delete it";

static const char *const failure_messages[_JOB_KIND_MAX] = {
        [JOB_CREATE] = "The deployment failed; nothing of it was left behind",
        [JOB_DELETE] = "It could not be deleted whole; delete it again",
        [JOB_RESTART] = "It did not come up again; restart it, or delete it",
};

static EndState job_end_state(const Job *job)
{
        const Instance *i = job->instance;

        if (job->failure)
                return (EndState){
                        .status = INSTANCE_FAILED,
                        .phase = i->phase,
                        .message = job->left_behind ? left_behind_message : failure_messages[job->kind],
                        .step = instance_phase_to_string(job->failed_step->phase),
                        .reason = job->failure,
                        .log = job->log,
                };
        if (job->kind != JOB_DELETE)
                return (EndState){ .status = INSTANCE_RUNNING, .phase = PHASE_READY, .message = "Ready" };
        return (EndState){ .status = INSTANCE_DELETED, .phase = i->phase, .message = "Deleted" };
}

/* Whether the end leaves nothing in the engine, so that addresses and secrets are free. */
static bool job_leaves_nothing(const Job *job, const EndState *end)
{
        return end->status == INSTANCE_DELETED ||
               (end->status == INSTANCE_FAILED && job->kind == JOB_CREATE && !job->left_behind);
}

static bool job_keeps_secrets(const Job *job, const EndState *end)
{
        return end->status != INSTANCE_DELETED && !(job->kind == JOB_CREATE && job->failure);
}

static void end_state_fill(const EndState *end, uint64_t now, Instance *next)
{
        next->status = end->status;
        next->phase = end->phase;
        next->message = (char *) end->message;
        next->error_step = (char *) end->step;
        next->error_reason = (char *) end->reason;
        next->error_log = (char *) end->log;
        if (end->status == INSTANCE_RUNNING) {
                next->progress = 1;
                if (next->timeline[PHASE_READY] == TIMELINE_UNSET)
                        next->timeline[PHASE_READY] = (now - next->created_usec) / USEC_PER_MSEC;
        } else if (end->status == INSTANCE_DELETED || next->timeline[PHASE_READY] == TIMELINE_UNSET)
                next->upstream = NULL;
        if (end->status == INSTANCE_DELETED)
                next->deleted_usec = now;
}

/* Puts the end into effect, now that the store has it. */
static void end_state_apply(const EndState *end, uint64_t now, Instance *i)
{
        Instance next = *i;

        end_state_fill(end, now, &next);
        (void) free_and_strdup(&i->message, next.message);
        (void) free_and_strdup(&i->error_step, next.error_step);
        (void) free_and_strdup(&i->error_reason, next.error_reason);
        (void) free_and_strdup(&i->error_log, next.error_log);
        if (!next.upstream)
                i->upstream = mfree(i->upstream);
        i->status = next.status;
        i->phase = next.phase;
        i->progress = next.progress;
        i->deleted_usec = next.deleted_usec;
        memcpy(i->timeline, next.timeline, sizeof i->timeline);
}

/* What is gone needs none, and the store has none of it any more. */
static void erase_secrets(Instance *i)
{
        i->database_password = str_erase_free(i->database_password);
        i->access_token = str_erase_free(i->access_token);
        string_pairs_done(&i->secrets);
        json_object_put(i->credentials);
        i->credentials = NULL;
}

/* By whether it failed. */
static const char *const end_message_ids[_JOB_KIND_MAX][2] = {
        [JOB_CREATE] = { MESSAGE_INSTANCE_RUNNING, MESSAGE_INSTANCE_FAILED },
        [JOB_DELETE] = { MESSAGE_INSTANCE_DELETED, MESSAGE_DELETE_FAILED },
        [JOB_RESTART] = { MESSAGE_INSTANCE_RESTARTED, MESSAGE_RESTART_FAILED },
};

static void job_log_end(const Job *job, const EndState *end)
{
        LogContext context;
        uint64_t ms = job->started_usec ? (now_monotonic() - job->started_usec) / USEC_PER_MSEC : 0;

        job_get_log_context(job, &context);
        context.message_id = end_message_ids[job->kind][end->reason != NULL];
        context.step = end->step;
        if (end->reason)
                log_full(LOG_WARNING, 0, &context, "Instance %s of %s failed in step %s: %s",
                                job->instance->id, job->instance->product_id, end->step, end->reason);
        else
                log_full(LOG_INFO, 0, &context, "Instance %s of %s is %s after %llu ms", job->instance->id,
                                job->instance->product_id, instance_status_to_string(end->status),
                                (unsigned long long) ms);
}

/* Hands the instance to what comes next and frees the job. */
static void job_finish(Job *job)
{
        Manager *m = job->manager;
        Instance *i = job->instance;
        Job *successor = TAKE_PTR(job->successor);
        bool ran = job->started_usec != 0;
        JobKind kind = job->kind;
        bool resumed = job->resumed;

        job_set_state(job, JOB_DONE);
        i->job = successor;
        job_tell_waiters(job, JOB_EVENT_ENDED);
        job_free(job);
        if (successor && successor->state == JOB_QUEUED) {
                if (i->status != INSTANCE_DELETING) {
                        i->status = INSTANCE_DELETING;
                        manager_notify(m, MANAGER_INSTANCE_CHANGED, i, NULL);
                }
                manager_queue_job(m, successor);
        }
        if (ran)
                manager_job_ended(m, kind);
        reconcile_instance(m, i->id); /* for what happened meanwhile */
        if (resumed && !i->job && !instance_has_resources(i))
                reconcile_all(m); /* for what the engine still made for the daemon before this one */
        retention_run(m);
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
        end_state_apply(&end, job->ended_usec, i);
        job_log_end(job, &end);
        if (job_leaves_nothing(job, &end))
                manager_release_addresses(job->manager, i, true);
        if (!job_keeps_secrets(job, &end))
                erase_secrets(i);
        manager_notify(job->manager,
                        end.status == INSTANCE_DELETED ? MANAGER_INSTANCE_REMOVED : MANAGER_INSTANCE_CHANGED,
                        i, NULL);
        job_finish(job);
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
                job_finish(job);
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
        r = instance ? job_commit(job, writes, ELEMENTSOF(writes) - (job_keeps_secrets(job, &end) ? 1 : 0),
                                       job_on_end_stored)
                     : -ENOMEM;
        if (r < 0)
                job_on_end_stored(r, strerror(-r), job);
}
