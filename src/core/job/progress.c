/* SPDX-License-Identifier: MIT */

/* How far a create has come, for those who watch it. */

#include "core/job/progress.h"

#include <math.h>

#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/model/instance.h"

/* Where the bar stands when a phase begins: their usual shares of the time. */
static const double phase_progress[_PHASE_MAX] = {
        [PHASE_QUEUED] = 0,
        [PHASE_IMAGE] = 0.02,
        [PHASE_NETWORK] = 0.35,
        [PHASE_VOLUME] = 0.40,
        [PHASE_DATABASE] = 0.45,
        [PHASE_APP] = 0.75,
        [PHASE_HEALTH] = 0.85,
        [PHASE_READY] = 1,
};

static const char *const phase_messages[_PHASE_MAX] = {
        [PHASE_QUEUED] = "Waiting for its turn",
        [PHASE_IMAGE] = "Fetching the images",
        [PHASE_NETWORK] = "Making its private network",
        [PHASE_VOLUME] = "Making its volume",
        [PHASE_DATABASE] = "Starting its database",
        [PHASE_APP] = "Starting the application",
        [PHASE_HEALTH] = "Waiting until the application answers",
        [PHASE_READY] = "Ready",
};

/* The earliest phase that some step is still in. */
static InstancePhase job_phase(const Job *job)
{
        InstancePhase phase = PHASE_HEALTH;

        for (size_t i = 0; i < job->n_steps; i++)
                if (job->runs[i].state != STEP_DONE && job->steps[i].phase < phase)
                        phase = job->steps[i].phase;
        return phase;
}

/* The share of the phase's work that is done, as far as its steps can tell. */
static double phase_fraction(const Job *job, InstancePhase phase)
{
        double done = 0;
        unsigned n = 0;

        for (size_t i = 0; i < job->n_steps; i++)
                if (job->steps[i].phase == phase) {
                        done += job->runs[i].state == STEP_DONE ? 1 : job->runs[i].fraction;
                        n++;
                }
        return n > 0 ? done / n : 0;
}

bool progress_update(Job *job, bool *ret_entered)
{
        Instance *i = job->instance;
        InstancePhase phase = job_phase(job);
        double fraction = phase_fraction(job, phase), progress;
        bool entered = phase != i->phase || i->timeline[phase] == TIMELINE_UNSET;

        progress = phase_progress[phase] + fraction * (phase_progress[phase + 1] - phase_progress[phase]);
        progress = round(fmax(progress, i->progress) * 100) / 100;
        *ret_entered = entered;
        if (!entered && progress <= i->progress)
                return false;
        i->phase = phase;
        i->progress = progress;
        if (entered) {
                i->timeline[phase] = usec_between(i->created_usec, now_realtime()) / USEC_PER_MSEC;
                (void) free_and_strdup(&i->message, phase_messages[phase]);
        }
        return true;
}
