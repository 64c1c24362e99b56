/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/job/job.h"

/*
 * Places where a test kills the daemon: at the boundaries of a job's steps and of what it stores. They exist in
 * builds with -Dfault-hooks=true only. There, the file that $ARKD_DIE_AT names may hold places, one a line, such as
 * "create.volume:before". Who comes by the first of them takes it out and dies: the next daemon dies at the second, and
 * goes on once there are none.
 */
#ifdef ARK_FAULT_HOOKS
void fault_point(const Job *job, const char *step, const char *when);
#else
static inline void fault_point(const Job *job, const char *step, const char *when)
{
}
#endif
