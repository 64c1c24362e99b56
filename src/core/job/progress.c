/* SPDX-License-Identifier: MIT */

/* How far a create has come, for those who watch it. */

#include <math.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/time-util.h"
#include "core/fault.h"
#include "core/job-record.h"
#include "core/job.h"
#include "core/manager-internal.h"

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

static void on_persisted(int error, const char *reason, void *userdata)
{
        Job *job = userdata;

        job->persisting = NULL;
        if (error < 0)
                log_debug("The phase of %s is not stored yet: %s", job->instance->id, strempty(reason));
        else
                fault_point(job, instance_phase_to_string(job->instance->phase), "stored");
        if (error >= 0 && job->dirty)
                job_persist(job);
        job->dirty = false;
        if (job->held && !job->persisting)
                job_go_on(job);
}

/* Best effort: the end of the job writes all again, and waits for it. */
void job_persist(Job *job)
{
        _cleanup_json_ struct json_object *instance = NULL, *record = NULL;
        StorePort *store = job->manager->store;

        if (job->successor)
                return; /* a deletion is stored, or on its way there: this would be written over it */
        if (job->persisting) {
                job->dirty = true;
                return;
        }
        instance = instance_to_json(job->instance, INSTANCE_VIEW_RECORD);
        record = job_to_record(job);
        if (!instance || !record) {
                log_oom();
                return;
        }
        const StoreWrite writes[] = {
                { STORE_PUT, STORE_JOB, job->id, json_text(record) },
                { STORE_PUT, STORE_INSTANCE, job->instance->id, json_text(instance),
                                .score = job->instance->created_usec },
        };
        /* Only a create changes its instance before its end. */
        (void) store->vtable->commit(store, writes, ELEMENTSOF(writes) - (job->kind == JOB_CREATE ? 0 : 1),
                        MANAGER_STORE_TIMEOUT_USEC, on_persisted, job, &job->persisting);
}

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

/* Answers whether what there is to be seen of the instance has changed. */
static bool create_update_phase(Job *job, bool *ret_entered)
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

void job_update_phase(Job *job)
{
        bool moved, entered = false, changed = false;

        if (job->state != JOB_RUNNING)
                return;
        moved = job_note_done(job);
        moved = job_note_reached(job) || moved;
        if (job->kind == JOB_CREATE)
                changed = create_update_phase(job, &entered);
        if (moved || entered)
                job_persist(job);
        if (changed)
                manager_notify(job->manager, MANAGER_INSTANCE_CHANGED, job->instance, NULL);
}
