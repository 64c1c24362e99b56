/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/hooks.h"

/* Jobs that wait for their turn: at most so many run at once. */

void manager_queue_job(Manager *manager, Job *job);
void manager_unqueue_job(Manager *manager, Job *job);
/* Starts what may be started; when a worker may have become free. */
void manager_run_queue(Manager *manager);

/* A job has ended: its worker is free, and its instance's next one may run. */
void queue_job_ended(Manager *manager, Instance *instance, const JobEnd *end);

/* Ends a running create at its next step boundary, and one that waits at once. */
void job_cancel(Job *job);
