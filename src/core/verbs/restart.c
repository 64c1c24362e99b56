/* SPDX-License-Identifier: MIT */
#include "core/verbs/restart.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/job/intent.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/watch.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/registry/context.h"
#include "core/verbs/change.h"
#include "core/verbs/common.h"
#include "core/verbs/request.h"
#include "core/verbs/wait.h"

static void answer_restarted(Request *request, const Instance *instance, const char *note)
{
        _cleanup_json_ struct json_object *json = instance_to_json(instance, action_view(request));

        if (!json || json_set_string(json, "note", strempty(note)) < 0)
                request_fail_errno(request, -ENOMEM, "The instance has restarted, but cannot be shown");
        else
                request_succeed(request, TAKE_PTR(json));
}

static void on_restart_job(Request *request, Instance *instance, JobEvent event, const char *reason)
{
        if (event == JOB_EVENT_STORE_FAILED)
                change_fail(request, reason);
        else if (event == JOB_EVENT_STORE_DOUBTFUL)
                request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                                "The store (Redis) was lost in the middle of it. The restart goes on when "
                                "it is back");
        else if (event == JOB_EVENT_ENDED && instance->status == INSTANCE_RUNNING)
                answer_restarted(request, instance, reason);
        else if (event == JOB_EVENT_ENDED)
                request_fail(request, FAULT_FAILED, NULL, "Instance %s did not come up again: %s",
                                instance->id,
                                instance->error_reason ? instance->error_reason : "it is being deleted");
}

/* Only what has once been ready has containers to restart. */
static bool may_restart(Request *request, const Instance *instance)
{
        bool was_ready = instance->timeline[PHASE_READY] != TIMELINE_UNSET &&
                         (instance->status == INSTANCE_RUNNING || instance->status == INSTANCE_FAILED);

        if (instance->job)
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s cannot be restarted: it is being worked on. Try again when "
                                "that is over",
                                instance->id);
        else if (!was_ready)
                request_fail(request, FAULT_CONFLICT, "id", "Instance %s cannot be restarted: it is %s",
                                instance->id, instance_status_text(instance));
        else if (instance->product && instance->product->newer_field)
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s was made by a newer version of arkd: this one does not "
                                "understand the field %s of its product, so it cannot restart it. Upgrade "
                                "arkd",
                                instance->id, instance->product->newer_field);
        else if (!manager_engine_connected(request->manager))
                request_fail(request, FAULT_ENGINE_UNAVAILABLE, NULL,
                                "The engine (Docker) cannot be reached, so nothing can be restarted. Try "
                                "again in a moment");
        else
                return true;
        return false;
}

void run_restart_instance(Request *request)
{
        Instance *instance = action_find_instance(request);
        Job *job;
        int r;

        if (!instance || !may_restart(request, instance))
                return;
        r = job_new(request->manager, instance, plan_find(request->manager, ARK_JOB_RESTART), &job);
        if (r >= 0) {
                (void) json_get_bool(request->arguments, "discard_files", &job->discard_files);
                r = request_wait(request, job, on_restart_job);
                if (r < 0)
                        job_free(job);
        }
        if (r < 0) {
                request_fail_errno(request, r, "The restart cannot be begun");
                return;
        }
        instance_attach_job(instance, job);
        if (job_store(job) < 0) {
                instance_detach_job(instance, job);
                change_fail(request, NULL);
        }
}
