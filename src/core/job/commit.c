/* SPDX-License-Identifier: MIT */

/* A job's record, and its writes to the store. */

#include "core/job/commit.h"

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/job/history.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"

#define COMMIT_RETRY_MAX_USEC (2 * USEC_PER_SEC)

struct json_object *job_to_record(const Job *job)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();
        int r;

        if (!json)
                return NULL;
        r = json_set_string(json, "id", job->id);
        if (r >= 0)
                r = json_set_string(json, "kind", job->plan->name);
        if (r >= 0)
                r = json_set_string(json, "instance", job->instance->id);
        if (r >= 0)
                r = json_set_string(json, "step", instance_phase_to_string(job->instance->phase));
        if (r >= 0)
                r = json_set_u64(json, "attempts", job->attempts);
        if (r >= 0)
                r = json_set(json, "reached", job_history_to_json(job));
        if (r >= 0)
                r = json_set(json, "done", job_done_to_json(job));
        if (r >= 0 && job->given_up)
                r = json_set_bool(json, "given_up", true);
        if (r >= 0 && job->discard_files)
                r = json_set_bool(json, "discard_files", true);
        if (r >= 0 && job->caller)
                r = json_set_string(json, "caller", job->caller);
        return r < 0 ? NULL : TAKE_PTR(json);
}

int job_commit(Job *job, const StoreWrite *writes, size_t n, PortDone done)
{
        StorePort *store = job->manager->store;

        return store->vtable->commit(store, writes, n, MANAGER_STORE_TIMEOUT_USEC, done, job, &job->commit);
}

void job_commit_later(Job *job, sd_event_time_handler_t handler)
{
        unsigned n = job->commit_attempts < 6 ? job->commit_attempts : 6;
        uint64_t delay = (50 * USEC_PER_MSEC) << n;

        manager_call_later(job->manager, delay < COMMIT_RETRY_MAX_USEC ? delay : COMMIT_RETRY_MAX_USEC, 0,
                        handler, job, &job->retry);
}
