/* SPDX-License-Identifier: MIT */
#include "core/load-job.h"

#include <errno.h>
#include <limits.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "core/job/history.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/queue.h"
#include "core/job/resume.h"
#include "core/load-damage.h"
#include "core/model/instance-newer.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"

#define STALE_JOBS_MAX 1000 /* a load */

/* One that is under another key would be begun again at each start: its end is not its record's. */
static bool job_is_called(const char *id, const char *instance, const char *kind)
{
        const char *rest = startswith(id, instance);

        return rest && rest[0] == '.' && streq(rest + 1, kind);
}

/* -EPROTONOSUPPORT: of a kind that only a newer version knows. */
static int find_job(Manager *m, const char *id, struct json_object *json, Instance **ret_instance,
                const Plan **ret_plan, unsigned *ret_attempts)
{
        const char *kind, *instance;
        uint64_t attempts = 0;
        const Plan *plan;

        if (json_get_string(json, "kind", &kind) < 0 || json_get_string(json, "instance", &instance) < 0 ||
                        !job_is_called(id, instance, kind))
                return -EINVAL;
        plan = plan_find(m, kind);
        if (!plan)
                return newer_is_word(kind) ? -EPROTONOSUPPORT : -EINVAL;
        (void) json_get_u64(json, "attempts", &attempts);
        *ret_instance = manager_find_instance(m, instance);
        if (!*ret_instance)
                return -ENOENT;
        *ret_plan = plan;
        *ret_attempts = attempts < INT_MAX ? (unsigned) attempts : INT_MAX;
        return 0;
}

/* Whether nothing at all is known of the instance, not even damaged. */
static bool instance_is_forgotten(Manager *m, struct json_object *json)
{
        const char *id;

        return json_get_string(json, "instance", &id) >= 0 && !strv_contains(m->damaged, id) &&
               !lh_table_lookup_entry(m->loading_secrets, id);
}

static void load_stale_job(Manager *m, const char *id)
{
        log_notice("Job %s is of no use any more; its record is removed", id);
        if (strv_length(m->stale_jobs) < STALE_JOBS_MAX)
                (void) load_is_starved(m, strv_extend(&m->stale_jobs, id));
}

/* A deletion is stored with the end of what it displaces. Where both are there all the same, it is what was asked for
 * last: left for a later start, it would delete what by then runs. */
static bool job_comes_first(Manager *m, Instance *i, const Plan *plan)
{
        if (!i->job)
                return true;
        if (!plan->removes)
                return false;
        load_stale_job(m, i->job->id);
        manager_unqueue_job(m, i->job);
        i->job = job_free(i->job);
        return true;
}

void load_job(Manager *m, const char *id, struct json_object *json)
{
        const char *caller;
        Instance *instance;
        unsigned attempts;
        const Plan *plan;
        int r;

        r = find_job(m, id, json, &instance, &plan, &attempts);
        if (r == -ENOENT && instance_is_forgotten(m, json))
                load_stale_job(m, id);
        else if (r == -EPROTONOSUPPORT)
                log_notice("Job %s is of a kind that this version does not know. It is left to a newer "
                           "version of arkd",
                                id);
        else if (r < 0) {
                log_full(LOG_ERR, r, LOG_ABOUT(.job = id, .message_id = MESSAGE_RECORD_DAMAGED),
                                "The record job:%s is damaged or without its instance and is left out: %m",
                                id);
                load_note_damage(m, "job", id);
        } else if (instance->status == INSTANCE_NEWER && !plan->removes)
                log_notice("Job %s is left to a newer version of arkd, as its instance is %s", id,
                                instance->newer_status);
        else if (plan->is_stale(instance) || !job_comes_first(m, instance, plan))
                load_stale_job(m, id);
        else {
                r = job_resume(m, instance, plan, attempts);
                if (r >= 0)
                        r = job_load_history(instance->job, json);
                if (r >= 0 && json_get_string(json, "caller", &caller) >= 0)
                        r = free_and_strdup(&instance->job->caller, caller);
                if (r < 0 && !load_is_starved(m, r))
                        log_error_errno(r, "Job %s cannot go on: %m", id);
        }
}
