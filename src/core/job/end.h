/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"

/* Stores the end state; applies and signals it once stored, and frees the job. */
void job_end(Job *job);
