/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "core/job/plan.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"

/*
 * A job is a table of idempotent steps. Its intent is in the store before anything is touched; each step may be run
 * again after a crash and finds what it made before. Steps whose predecessors are done run at the same time. When
 * one fails, the others come to their end and then all is undone in reverse.
 */

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
        char **todo; /* what it has yet to do */
        char *reason; /* why the last attempt failed, or what it is about */
        double fraction; /* 0 to 1, of what it can tell */
};

#define STEPS_MAX 16

/* For Step.after. */
#define BIT(n) (1u << (n))

typedef enum Part {
        PART_APP,
        PART_DATABASE,
        _PART_MAX,
} Part;

/* What a restart finds of a container. */
typedef struct RestartPart {
        bool missing; /* somebody removed it */
        bool unstarted; /* it was made by a restart that did not come further */
        bool stale; /* it is not on a network of its own, or holds on to one that is gone */
        bool changed; /* it was made from another description */
        bool keep; /* it has files of its own that must not be lost */
        bool stopped; /* for a last look at these, and not replaced yet */
        char *files; /* these, for people; NULL for none */
        char *network_ids[ATTACHMENTS_MAX]; /* it is on; NULL where it is not */
} RestartPart;

typedef struct JobWatch JobWatch;

struct Job {
        Manager *manager;
        Instance *instance;
        const Plan *plan;
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

        RestartPart parts[_PART_MAX]; /* of a restart */
        char *public_url; /* that it has the application told; NULL where it knows it */
        bool settles_limits; /* it gives the containers default limits, which they have never had */
        bool discard_files; /* it may make containers again that have files of their own */
        char *exposed; /* the ports that the application's image exposes, for people; NULL where that is not known */
        char *listens; /* what it listens on, for people; NULL where that is not known */
        uint64_t listens_next; /* when that is asked for again; CLOCK_MONOTONIC; 0 before nothing listened */
        bool noted; /* volumes came to be known that the store does not know yet */
        char *note; /* what whoever asked for it should know; NULL for nothing */

        /* Of the failure, once there is one. */
        const Step *failed_step;
        char *failure, *log;
        unsigned falls; /* of the container that was waited for: each has said something */
        Pending *collecting; /* its last words, then what its plan does about the failure */
        void (*then)(Job *job); /* once that is read */
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
        JobWatch *watches;
        Job *next; /* in the manager's queue */
};

/* A new job on an instance that has none, or on top of a create that it cancels. 0 or -ENOMEM. */
int job_new(Manager *manager, Instance *instance, const Plan *plan, Job **ret);
Job *job_free(Job *job);
DEFINE_CLEANUP_FUNC(Job, job_free);

/* Who and what, for log lines; valid while the job is. */
void job_get_log_context(const Job *job, LogContext *ret);

/* The only place where a job changes its state. */
void job_set_state(Job *job, JobState state);

/* What the job is said to have failed of. Takes reason over; NULL: there was no memory for one. */
void job_set_failure(Job *job, char *reason);

/* Cuts a step short that is abortable, or pauses. */
void step_stop(StepRun *run);

/* The earliest phase's step that is under way, or NULL. */
const StepRun *job_current_run(const Job *job);
