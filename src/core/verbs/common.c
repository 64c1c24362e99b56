/* SPDX-License-Identifier: MIT */
#include "core/verbs/common.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/model/instance.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"

Instance *action_find_instance(Request *request)
{
        Instance *instance;
        const char *id = "";

        (void) json_get_string(request->arguments, "id", &id);
        instance = manager_get_instance(request->manager, id);
        if (!instance)
                request_fail(request, FAULT_NO_SUCH_INSTANCE, "id", "There is no instance “%s”", id);
        return instance;
}

InstanceView action_view(const Request *request)
{
        return request->caller.role == ROLE_OPERATOR ? INSTANCE_VIEW_OPERATOR : INSTANCE_VIEW_VISITOR;
}

void answer_instance(Request *request, const Instance *instance)
{
        struct json_object *json = instance_to_json(instance, action_view(request));

        if (json)
                request_succeed(request, json);
        else
                request_fail_errno(request, -ENOMEM, "The instance cannot be shown");
}

void answer_member(Request *request, const char *name, struct json_object *value)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        if (!json) {
                json_object_put(value);
                value = NULL;
        }
        if (!value || json_set(json, name, value) < 0)
                request_fail_errno(request, -ENOMEM, "The answer cannot be made");
        else
                request_succeed(request, TAKE_PTR(json));
}

/* ---- Jobs ---- */

Job *action_delete_job(const Instance *i)
{
        return i->job && i->job->plan->removes ? i->job : i->job ? i->job->successor : NULL;
}

bool action_is_being_deleted(const Instance *i)
{
        return i->status == INSTANCE_DELETING || action_delete_job(i);
}

void instance_attach_job(Instance *i, Job *job)
{
        if (i->job)
                i->job->successor = job;
        else
                i->job = job;
}

void instance_detach_job(Instance *i, Job *job)
{
        if (i->job == job)
                i->job = NULL;
        else if (i->job)
                i->job->successor = NULL;
        job_free(job);
}
