/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "core/job/job.h"
#include "core/job/plan.h"

/* How far each attempt at a job has come, kept in its record: daemons may die under it again and again. */

/* Sees how far the job has come, and answers whether that is another step than before. */
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
