/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"
#include "core/job/watch.h"
#include "core/model/instance.h"
#include "core/verbs/request.h"

/* Requests that wait for what becomes of a job. */

/* Called for each event until it ends the request; reason as in JobWatchHandler. */
typedef void (*RequestJobHandler)(Request *request, Instance *instance, JobEvent event, const char *reason);

/* The request hears of the job's events until it ends or dies. Who asks first is the job's caller, in the journal. 0 or
 * -ENOMEM. */
int request_wait(Request *request, Job *job, RequestJobHandler handler);
/* It hears no more of them, and goes on without; for handlers. */
void request_stop_waiting(Request *request);
