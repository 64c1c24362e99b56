/* SPDX-License-Identifier: MIT */

/* Jobs that wait. At most so many run at once; of those that wait, the next is the earliest of whoever has the
 * fewest running, so that one who orders ten does not keep another waiting for all of them; and of whose are all the
 * same person's, of the product with the fewest. */

#include "core/job/queue.h"

#include "core/job/end.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/run.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/hooks.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"

static bool job_is_running(const Job *job)
{
        return job && job->state >= JOB_RUNNING && job->state < JOB_DONE;
}

/* How much is done already for the one that the job is for: first by whose it is, then by its product. */
static uint64_t job_share(const Manager *manager, const Job *job)
{
        uint32_t of_owner = 0, of_product = 0;

        for (struct lh_entry *e = manager->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                if (!job_is_running(i->job))
                        continue;
                of_owner += streq_ptr(i->owner, job->instance->owner);
                of_product += streq(i->product_id, job->instance->product_id);
        }
        return (uint64_t) of_owner << 32 | of_product;
}

/* Creates may take minutes; what deletes or restarts does not wait for them, nor they for it. Nothing is made while
 * instances would not be kept apart. */
static bool has_free_worker(const Manager *manager, const Job *job)
{
        if (job->plan->makes && !manager_is_isolated(manager, NULL))
                return false;
        return manager->n_running[job->plan->makes] < manager->workers;
}

static Job *queue_choose(const Manager *manager)
{
        uint64_t least = UINT64_MAX;
        Job *chosen = NULL;

        for (Job *job = manager->queue_first; job && least > 0; job = job->next) {
                uint64_t share;

                if (!has_free_worker(manager, job))
                        continue;
                share = job_share(manager, job);
                if (share < least) {
                        least = share;
                        chosen = job;
                }
        }
        return chosen;
}

/* Tells those whose place has changed. */
static void queue_number(Manager *manager)
{
        unsigned position = 0;

        for (Job *job = manager->queue_first; job; job = job->next) {
                Instance *i = job->instance;

                if (i->queue_position == ++position)
                        continue;
                i->queue_position = position;
                if (i->stored)
                        manager_notify(manager, MANAGER_INSTANCE_CHANGED, i, NULL);
        }
}

void manager_run_queue(Manager *manager)
{
        while (manager->loaded) {
                Job *job = queue_choose(manager);

                if (!job)
                        break;
                manager_unqueue_job(manager, job);
                manager->n_running[job->plan->makes]++;
                job_run(job);
        }
        queue_number(manager);
}

void manager_queue_job(Manager *manager, Job *job)
{
        job->next = NULL;
        if (manager->queue_last)
                manager->queue_last->next = job;
        else
                manager->queue_first = job;
        manager->queue_last = job;
        manager->n_queued++;
        manager_run_queue(manager);
}

void manager_unqueue_job(Manager *manager, Job *job)
{
        Job *previous = NULL;

        for (Job *j = manager->queue_first; j; previous = j, j = j->next) {
                if (j != job)
                        continue;
                if (previous)
                        previous->next = j->next;
                else
                        manager->queue_first = j->next;
                if (manager->queue_last == j)
                        manager->queue_last = previous;
                j->next = NULL;
                job->instance->queue_position = 0;
                manager->n_queued--;
                return;
        }
}

void job_cancel(Job *job)
{
        job->cancelled = true;
        switch (job->state) {
        case JOB_QUEUED:
                manager_unqueue_job(job->manager, job);
                job_end(job);
                break;
        case JOB_RUNNING:
                job_wind_down(job);
                break;
        default: /* it ends by itself */
                break;
        }
}

void queue_job_ended(Manager *manager, Instance *instance, const JobEnd *end)
{
        Job *successor = instance->job;

        if (successor && successor->state == JOB_QUEUED) {
                if (instance->status != INSTANCE_DELETING) {
                        instance->status = INSTANCE_DELETING;
                        manager_notify(manager, MANAGER_INSTANCE_CHANGED, instance, NULL);
                }
                manager_queue_job(manager, successor);
        }
        if (!end->ran)
                return;
        manager->n_running[end->plan->makes]--;
        manager_run_queue(manager);
}
