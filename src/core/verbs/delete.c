/* SPDX-License-Identifier: MIT */
#include "core/verbs/delete.h"

#include "core/job/intent.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/watch.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/verbs/change.h"
#include "core/verbs/common.h"
#include "core/verbs/request.h"
#include "core/verbs/wait.h"

static void on_delete_job(Request *request, Instance *instance, JobEvent event, const char *reason)
{
        if (event == JOB_EVENT_STORE_FAILED)
                change_refused(request, "the deletion, so nothing was deleted", reason);
        else if (event == JOB_EVENT_STORE_DOUBTFUL)
                request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                                "The store (Redis) was lost in the middle of it. The deletion goes on when "
                                "it is back; ask again to see its end");
        else if (event == JOB_EVENT_ENDED && instance->status == INSTANCE_DELETED)
                answer_instance(request, instance);
        else if (event == JOB_EVENT_ENDED)
                request_fail(request, FAULT_FAILED, NULL,
                                "Instance %s could not be deleted: %s. Delete it again", instance->id,
                                strempty(instance->error_reason));
}

/* The delete job that is under way on the instance, or a new one. */
static int find_delete_job(Manager *m, Instance *i, Job **ret, bool *ret_new)
{
        Job *job = action_delete_job(i);
        int r;

        *ret_new = !job;
        if (!job) {
                r = job_new(m, i, plan_find(m, ARK_JOB_DELETE), &job);
                if (r < 0)
                        return r;
        }
        *ret = job;
        return 0;
}

static void fail_delete_unstored(Request *request)
{
        request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                        "The store (Redis) cannot be reached, so nothing was deleted. Try again in a "
                        "moment");
}

void run_delete_instance(Request *request)
{
        Instance *instance = action_find_instance(request);
        bool is_new;
        Job *job;
        int r;

        if (!instance)
                return;
        if (instance->status == INSTANCE_DELETED) {
                answer_instance(request, instance);
                return;
        }
        if (!manager_engine_connected(request->manager)) {
                request_fail(request, FAULT_ENGINE_UNAVAILABLE, NULL,
                                "The engine (Docker) cannot be reached, so nothing can be deleted. Try "
                                "again in a moment");
                return;
        }
        if (!manager_store_connected(request->manager)) {
                fail_delete_unstored(request);
                return;
        }
        r = find_delete_job(request->manager, instance, &job, &is_new);
        if (r < 0) {
                request_fail_errno(request, r, "The deletion cannot be begun");
                return;
        }
        r = request_wait(request, job, on_delete_job);
        if (r < 0) {
                if (is_new)
                        job_free(job);
                request_fail_errno(request, r, "The deletion cannot be waited for");
                return;
        }
        if (!is_new)
                return;
        instance_attach_job(instance, job);
        if (instance->job != job && instance->job->state == JOB_STORING)
                return; /* stored once that one is */
        r = job_store(job);
        if (r < 0) {
                instance_detach_job(instance, job);
                fail_delete_unstored(request);
        }
}
