/* SPDX-License-Identifier: MIT */
#pragma once

#include <string.h>

#include "core/job/job.h"

/* Starts it; called by the queue. */
void job_run(Job *job);

/* No new steps; those that may be cut short are, the others come to their end first, then all is undone. */
void job_wind_down(Job *job);

/* Ends a step: 0 or a negative errno, with a reason. step_on_done() is that as a port's callback. */
void step_done(StepRun *run, int error, const char *reason);
void step_on_done(int error, const char *reason, void *userdata);
/*
 * Says how a step of several parts went on, in the words of Step.start: 0 where its next part is under way; 1 where it
 * was the last, or a negative errno, and the step ends. reason: of a negative r; NULL: the errno's own.
 */
static inline void step_went_on(StepRun *run, int r, const char *reason)
{
        if (r < 0)
                step_done(run, r, reason ? reason : strerror(-r));
        else if (r > 0)
                step_done(run, 0, NULL);
}

/* The steps of these bits are done once more; what depends on them must be among them. */
void job_rewind(Job *job, uint32_t steps);

/* Recomputes phase, progress and message from the steps, stores and signals what changed. */
void job_update_phase(Job *job);

/* The engine is back: paused steps are tried again, and the plan's own hook is called. */
void job_on_engine_connected(Job *job);
