/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"

/* Writes the intent and, once it is stored, queues the job. Watches hear of both outcomes. 0 or a negative errno: then
 * nothing is under way. */
int job_store(Job *job);
