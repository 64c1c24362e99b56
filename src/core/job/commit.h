/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <systemd/sd-event.h>

#include "core/job/job.h"
#include "core/ports.h"

/* {"id", "kind", "instance", "step", "attempts", "reached", "done", "given_up", "caller"}, as in job:<id>. NULL when
 * out of memory. */
struct json_object *job_to_record(const Job *job);

/* Sends writes of the job's intent or end, one set at a time; done's userdata is the job. 0 or a negative errno. */
int job_commit(Job *job, const StoreWrite *writes, size_t n, PortDone done);

/* Calls handler, whose userdata is the job, to try again a little later, and later still the more often it was tried. */
void job_commit_later(Job *job, sd_event_time_handler_t handler);
