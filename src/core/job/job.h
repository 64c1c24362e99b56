/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "core/instance.h"
#include "core/manager.h"
#include "core/request.h"

/*
 * A job is a table of idempotent steps. Its intent is in the store before anything is touched; each step may be run
 * again after a crash and finds what it made before. Steps whose predecessors are done run at the same time. When
 * one fails, the others come to their end and then all is undone in reverse.
 */

typedef enum JobKind {
        JOB_CREATE,
        JOB_DELETE,
        JOB_RESTART,
        _JOB_KIND_MAX,
} JobKind;

typedef enum JobState {
        JOB_STORING, /* its intent is on its way to the store */
        JOB_QUEUED,
        JOB_RUNNING,
        JOB_UNDOING,
        JOB_ENDING, /* its end is on its way to the store */
        JOB_DONE,
        _JOB_STATE_MAX,
} JobState;

typedef struct InstanceSpec InstanceSpec;
typedef struct StepRun StepRun;

/* One row of a job's table. */
typedef struct Step {
        const char *name;
        InstancePhase phase;
        uint32_t after; /* bits of the steps that must be done before */
        uint32_t after_database; /* the same, where the product needs its database first */
        bool database_only; /* not wanted where the product has none */
        bool abortable; /* cancelling it leaves nothing half-made in the engine */
        /* Each starts asynchronous work that ends in step_done(), or answers a negative errno. */
        int (*start)(StepRun *run);
        int (*undo)(StepRun *run); /* NULL: nothing to undo */
} Step;

typedef enum StepState {
        STEP_WAITING,
        STEP_RUNNING,
        STEP_PAUSED, /* until the engine comes back */
        STEP_DONE,
        STEP_FAILED,
} StepState;

struct StepRun {
        Job *job;
        const Step *step;
        StepState state;
        Pending *pending;
        sd_event_source *timer;
        unsigned attempts; /* of its probes, or of its undo */
        uint64_t failing_usec; /* since when its removal fails */
        unsigned stage; /* where a step that makes several calls stands */
        PortDone then; /* what follows its first part */
        char *reason; /* why the last attempt failed, or what it is about */
        double fraction; /* 0 to 1, of what it can tell */
};

#define STEPS_MAX 16

/* For Step.after. */
#define BIT(n) (1u << (n))

typedef struct JobWaiter JobWaiter;

typedef enum JobEvent {
        JOB_EVENT_STORED, /* the intent is in the store */
        JOB_EVENT_STORE_FAILED, /* it is not; the job is gone after this */
        JOB_EVENT_STORE_DOUBTFUL, /* the store was lost meanwhile; the job goes on when it is back */
        JOB_EVENT_ENDED, /* instance has its end state; the job is gone after this */
} JobEvent;

/* Called for each event until it ends the request. reason: why the store failed, or NULL. */
typedef void (*JobWaiterHandler)(Request *request, Instance *instance, JobEvent event, const char *reason);

struct Job {
        Manager *manager;
        Instance *instance;
        JobKind kind;
        JobState state;
        char *id;
        char *caller; /* who asked for it, for the audit trail; NULL where nobody did */
        InstanceSpec *spec;
        const Step *steps;
        size_t n_steps;
        StepRun runs[STEPS_MAX];
        sd_event_source *deadline;
        uint64_t deadline_usec; /* how long it may take */
        bool overdue; /* that is over: what fails now is not tried again */
        uint64_t started_usec; /* CLOCK_MONOTONIC */
        uint64_t ended_usec; /* CLOCK_REALTIME; 0 while it has not come to its end */

        unsigned attempts; /* times it was begun again since it last did what it had not done before */
        uint32_t done; /* bits of the steps that some attempt has done; once it is given up, has undone */
        bool given_up; /* it was begun again too often: what it has made is taken away, and no more */
        bool tidying; /* a create that has failed before: what was left behind then is taken away */
        bool held; /* until its record is stored */
        const Step *reached; /* how far it has come in this attempt; NULL before it is started */
        char **history; /* the steps that earlier attempts had come to, oldest first */
        bool resumed;
        bool database_verified; /* a login has succeeded, in this run or one before */
        bool database_doubtful; /* until then, the engine was away: it may have been stopped in the middle of it */
        bool database_begun; /* it may have begun to fill its volume since that was made */
        uint32_t rewind; /* bits of the steps to be done once more, as soon as none of them runs */
        bool cancelled;
        bool app_missing, database_missing; /* containers that a restart has to make again */
        bool app_stale, database_stale; /* … and first to take away, as a network of theirs is gone */

        /* Of the failure, once there is one. */
        const Step *failed_step;
        char *failure, *log;
        Pending *collecting;
        size_t undo_next; /* steps below it are still to be undone */
        bool unanswered; /* the engine did not say what became of something: it may be doing it yet */
        bool left_behind; /* something could not be removed */

        Pending *commit; /* of intent or end */
        Pending *persisting; /* of a phase */
        bool dirty; /* the phase changed meanwhile */
        sd_event_source *retry;
        char *end_texts[4]; /* the instance's, made before its end is stored: message, error's step, reason and log */
        unsigned commit_attempts;

        Job *successor; /* that runs once this one has been wound down */
        JobWaiter *waiters;
        Job *next; /* in the manager's queue */
};

/* A new job on an instance that has none, or on top of a create that it cancels. */
int job_new(Manager *manager, Instance *instance, JobKind kind, Job **ret);
Job *job_free(Job *job);
DEFINE_CLEANUP_FUNC(Job, job_free);

/* Writes the intent and, once it is stored, queues the job. Waiters hear of both outcomes. */
int job_store(Job *job);

/* Goes on with a job that was found in the store. */
int job_resume(Manager *manager, Instance *instance, JobKind kind, unsigned attempts);

/* Takes away what failed creates have left behind. How they failed stays. */
void job_tidy_all(Manager *manager);

/* The request hears of the job's events until it ends or dies. */
int job_wait(Job *job, Request *request, JobWaiterHandler handler);
/* It hears no more of them, and goes on without; for handlers. */
void job_unwait(Request *request);

/* Starts it; called by the queue. */
void job_run(Job *job);

/* Ends a running create at its next step boundary. */
void job_cancel(Job *job);

/* The engine is back: paused steps are tried again, and a database that may have been cut short is made anew. */
void job_on_engine_connected(Job *job);

/* Who and what, for log lines; valid while the job is. */
void job_get_log_context(const Job *job, LogContext *ret);

const char *job_kind_to_string(JobKind kind);
int job_kind_from_string(const char *s);

/* ---- For job-*.c only ---- */

/* The only place where a job changes its state. */
void job_set_state(Job *job, JobState state);

/* Ends a step: 0 or a negative errno, with a reason. step_on_done() is that as a port's callback. */
void step_done(StepRun *run, int error, const char *reason);
void step_on_done(int error, const char *reason, void *userdata);

/* Starts what can be started, and finds out whether the job has come to its end. */
void job_advance(Job *job);
/* Cuts a step short that is abortable, or pauses. */
void step_stop(StepRun *run);

/* job-tidy.c: has the job of an instance that was left behind end as the one before did; 0 or -ENOMEM. */
int job_recall_failure(Job *job);

/* job-rewind.c: the steps of these bits are done once more; what depends on them must be among them. */
void job_rewind(Job *job, uint32_t steps);
/* Has them wait again, where none of them is under way any more. False while one is: nothing may be begun then. */
bool job_settle_rewind(Job *job);

/* The record that it was held for is stored, or cannot be for now. */
void job_go_on(Job *job);

/* job-retry.c. Whether what failed so may succeed later without anything having changed in what it is about. */
bool step_must_wait(const StepRun *run, int error);
/* Tries the step again when the engine is back, or there are files to be had again. */
void step_pause(StepRun *run, int error, const char *reason);
/* Removing is tried several times: the engine may be busy with the thing. Answers false where to give up. */
bool step_retry_removal(StepRun *run, int error, const char *reason);

/* Recomputes phase, progress and message from the steps, stores and signals what changed. */
void job_update_phase(Job *job);

/* Fails the job because of a step and begins to undo it. */
void job_fail(Job *job, const Step *step, const char *reason);

/* What the job is said to have failed of. Takes reason over; NULL: there was no memory for one. */
void job_set_failure(Job *job, char *reason);

/* Undoes one step after the other, then ends. */
void job_undo(Job *job);
/* Its time for that is over: what waits is given up, the rest tried once. */
void job_undo_overdue(Job *job);

/*
 * job-deadline.c: how long deleting may take, and undoing. Then the instance is failed with what is left of it, and may
 * be deleted again.
 */
#define REMOVAL_DEADLINE_USEC (10 * UINT64_C(60000000))
/* From now on. 0 or a negative errno. */
int job_start_deadline(Job *job, uint64_t usec);
/* The earliest phase's step that is under way, or NULL. */
const StepRun *job_current_run(const Job *job);

/* Stores the end state; applies and signals it once stored. */
void job_end(Job *job);

/* Takes the first steps of log collection, then undoes. */
void job_collect_log(Job *job);

/* job-create.c, job-remove.c, job-restart.c */
extern const Step create_steps[];
extern const size_t n_create_steps;
extern const Step delete_steps[];
extern const size_t n_delete_steps;
extern const Step restart_steps[];
extern const size_t n_restart_steps;

/* job-create.c: an engine that comes back has started the database again, wherever its initialisation stood. */
void create_on_engine_connected(Job *job);

/* job-create.c: what creating makes, and restarting makes again where it is gone. Each finds what is there. */
int step_write_compose(StepRun *run);
int step_app_image(StepRun *run);
int step_database_image(StepRun *run);
int step_create_ingress(StepRun *run);
int step_create_network(StepRun *run);
int step_create_app(StepRun *run);

/* job-probe.c: wait until what was started answers. */
int start_login(StepRun *run);
int start_health(StepRun *run);

/* job-remove.c: what deleting does and creating undoes. */
int step_remove_app(StepRun *run);
int step_remove_database(StepRun *run);
int step_remove_volume(StepRun *run);
/* The same, with another continuation than step_done(). */
int remove_volume_then(StepRun *run, PortDone then);
int step_remove_network(StepRun *run);
int step_remove_compose(StepRun *run);
