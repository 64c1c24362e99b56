/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job.h"

/* {"id", "kind", "instance", "step", "attempts", "reached", "done", "given_up", "caller"}, as in job:<id>. NULL when
 * out of memory. */
struct json_object *job_to_record(const Job *job);

/* job-history.c. Sees how far the job has come, and answers whether that is another step than before. */
bool job_note_reached(Job *job);
/* Sees what it has done, and answers whether that is more than any attempt had: its attempts count anew then. */
bool job_note_done(Job *job);
/* The same of a step that has been undone of a job that is given up. */
bool job_note_undone(Job *job, const Step *step);
struct json_object *job_done_to_json(const Job *job);
/* The steps that all attempts, this one included, have come to. NULL when out of memory. */
struct json_object *job_history_to_json(const Job *job);
/* From the record of a job that is resumed; what is damaged is left out. 0 or -ENOMEM. */
int job_load_history(Job *job, struct json_object *record);
/* Why a job is given up that was begun too often. NULL when out of memory. */
char *job_format_history(const Job *job);

/* Stores the phase that the job has reached, without waiting for it. */
void job_persist(Job *job);

/* Lets go of the requests that wait: they hear nothing more. */
void job_drop_waiters(Job *job);

/* Tells the requests that wait what has happened (job-wait.c). */
void job_tell_waiters(Job *job, JobEvent event, const char *reason);

/* Sends writes of the job's intent or end, one set at a time; done's userdata is the job. */
int job_commit(Job *job, const StoreWrite *writes, size_t n, PortDone done);

/* Tries again a little later, and later still the more often it was tried. */
void job_commit_later(Job *job, sd_event_time_handler_t handler);
