/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"

/* What a restart makes the instance's containers from. 0 or a negative errno. */
int job_make_restart_spec(Job *job);
/* Its application was made from that; all of its containers were. */
void job_take_public_url(Job *job);
void job_take_limits(Job *job);
