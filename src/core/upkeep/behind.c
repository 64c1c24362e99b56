/* SPDX-License-Identifier: MIT */
#include "core/upkeep/behind.h"

#include <unistd.h>

#include "basic/log.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/queue.h"
#include "core/job/resume.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/spec/compose-file.h"
#include "core/spec/deletion-mark.h"

static const char waiting_message[] =
                "The store (Redis) is an older copy, and something of this instance is in the engine "
                "(Docker), but not its compose file: restore that, or a newer copy of the store, and "
                "restart "
                "arkd; or delete it";

/* ---- While the store is read ---- */

/* A delete that came to its end is brought to it again. */
static bool is_past(Manager *m, const Instance *i)
{
        return i->status == INSTANCE_DELETED ||
               (i->status == INSTANCE_DELETING && deletion_is_marked(m, i->id));
}

/* By its record something would be made or removed. */
static bool is_unfinished(const Instance *i)
{
        return i->status == INSTANCE_PENDING || i->status == INSTANCE_DELETING || instance_is_left_behind(i);
}

static bool has_compose_file(const Manager *m, const char *id)
{
        _cleanup_free_ char *path = compose_path(m->compose_dir, id);

        return !path || access(path, F_OK) == 0;
}

/* It goes from the store, too: once that is believed again, it would be resumed. */
static void drop_job(Manager *m, Instance *i)
{
        log_notice("Job %s does not go on, as the store (Redis) is older than this host", i->job->id);
        if (strv_extend(&m->stale_jobs, i->job->id) < 0)
                m->load_starved = true;
        manager_unqueue_job(m, i->job);
        i->job = job_free(i->job);
}

/* Its records stay in the store until it is taken back. */
static void make_unknown(Manager *m, Instance *i)
{
        _cleanup_free_ char *id = strdup(i->id), *subnet = i->subnet ? strdup(i->subnet) : NULL,
                            *address = i->ingress_address ? strdup(i->ingress_address) : NULL;
        uint32_t uid = i->uid;

        log_full(LOG_WARNING, 0, LOG_ABOUT(.instance = i->id),
                        "The store (Redis) has instance %s as %s, which it may have been long ago. It is "
                        "left "
                        "as it is",
                        i->id, instance_status_text(i));
        manager_release_addresses(m, i, false);
        manager_remove_instance(m, i);
        if (!id || unknown_take(m, id, subnet, address, uid) < 0)
                m->load_starved = true;
}

void behind_take_jobs(Manager *m)
{
        struct lh_entry *next;

        for (struct lh_entry *e = m->instances->head; e; e = next) {
                Instance *i = lh_entry_v(e);

                next = e->next;
                if (is_past(m, i))
                        continue;
                if (i->job)
                        drop_job(m, i);
                if (!is_unfinished(i))
                        continue;
                if (has_compose_file(m, i->id))
                        make_unknown(m, i);
                else
                        i->doubted = true;
        }
}

/* ---- Once the engine tells what there is ---- */

static bool has_anything(const Instance *i, const Resource *items, size_t n)
{
        for (size_t k = 0; k < n; k++)
                if (streq(items[k].instance_id, i->id))
                        return true;
        return false;
}

static void tell_waiting(Manager *m, Instance *i)
{
        if (streq_ptr(i->message, waiting_message) || free_and_strdup(&i->message, waiting_message) < 0)
                return;
        log_full(LOG_ERR, 0, LOG_ABOUT(.instance = i->id), "Nothing is done with instance %s: %s", i->id,
                        waiting_message);
        manager_notify(m, MANAGER_INSTANCE_CHANGED, i, NULL);
}

static void go_on(Manager *m, Instance *i)
{
        const char *kind = i->status == INSTANCE_DELETING ? ARK_JOB_DELETE : ARK_JOB_CREATE;
        int r = job_resume(m, i, plan_find(m, kind), 0);

        i->doubted = r < 0;
        if (r < 0)
                log_error_errno(r, "Instance %s cannot go on: %m", i->id);
}

size_t behind_update(Manager *m, const Resource *items, size_t n)
{
        size_t waiting = 0;

        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);

                if (!i->doubted || i->job || !instance_has_resources(i))
                        continue;
                if (has_anything(i, items, n)) {
                        tell_waiting(m, i);
                        waiting++;
                } else
                        go_on(m, i);
        }
        return waiting;
}
