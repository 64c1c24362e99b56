/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"
#include "core/model/instance.h"

/* Whoever wants to know what becomes of a job. */

typedef enum JobEvent {
        JOB_EVENT_STORED, /* the intent is in the store */
        JOB_EVENT_STORE_FAILED, /* it is not; the job is gone after this */
        JOB_EVENT_STORE_DOUBTFUL, /* the store was lost meanwhile; the job goes on when it is back */
        JOB_EVENT_ENDED, /* instance has its end state; the job is gone after this */
} JobEvent;

/* reason: why the store failed, of JOB_EVENT_ENDED what else there is to say of its success, or NULL. May free its own
 * watch, and no other. */
typedef void (*JobWatchHandler)(Instance *instance, JobEvent event, const char *reason, void *userdata);

/* Hears of the job's events until it is freed. It outlives the job, and is silent then. 0 or -ENOMEM. */
int job_watch(Job *job, JobWatchHandler handler, void *userdata, JobWatch **ret);
JobWatch *job_watch_free(JobWatch *watch);
DEFINE_CLEANUP_FUNC(JobWatch, job_watch_free);

/* Tells the watches what has happened. */
void job_tell(Job *job, JobEvent event, const char *reason);
/* They hear nothing more. */
void job_drop_watches(Job *job);
