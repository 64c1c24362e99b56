/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "core/job/job.h"

/*
 * How long deleting may take, and undoing. Then the instance is failed with what is left of it, and may be deleted
 * again.
 */
#define REMOVAL_DEADLINE_USEC (10 * UINT64_C(60000000))

/* Calls handler, whose userdata is the job, when it has had so many µs from now on. 0 or a negative errno. */
int job_start_deadline(Job *job, uint64_t usec, sd_event_time_handler_t handler);

/* Why a job is over time that was at that step, which may be NULL. NULL when out of memory. */
char *job_format_overdue(const Job *job, const StepRun *run);
