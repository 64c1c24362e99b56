/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job.h"

/* {"id", "kind", "instance", "step", "attempts"}, as in job:<id>. NULL when out of memory. */
struct json_object *job_to_record(const Job *job);

/* Stores the phase that the job has reached, without waiting for it. */
void job_persist(Job *job);

/* Lets go of the requests that wait: they hear nothing more. */
void job_drop_waiters(Job *job);
