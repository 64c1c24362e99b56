/* SPDX-License-Identifier: MIT */

/*
 * What a restart gives an instance that was made otherwise: an application is told its present public URL, and the
 * containers of an instance of before there were default limits have these. That takes containers made again; where they
 * stay as they were made, so does the URL, and so do the limits.
 */

#include "core/steps/restart-spec.h"

#include <errno.h>

#include "basic/log.h"
#include "core/job/job.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/limits.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/spec.h"

int job_make_restart_spec(Job *job)
{
        Manager *m = job->manager;
        Instance *i = job->instance;
        const InstanceLimits limits = i->limits;
        char *url = i->public_url;
        int r;

        free(job->public_url);
        job->public_url = NULL;
        if (instance_url_is_outdated(&m->applications, i)) {
                job->public_url = instance_url_make_public(&m->applications, i);
                if (!job->public_url)
                        return -ENOMEM;
                i->public_url = job->public_url;
        }
        job->settles_limits = !i->has_limits && i->product;
        if (job->settles_limits) {
                i->limits = manager_limits_of(m, i->product);
                i->has_limits = true;
        }
        r = instance_spec_new(m, i, &job->spec);
        /* The instance keeps its own until its containers have the others. */
        i->public_url = url;
        i->limits = limits;
        i->has_limits = i->has_limits && !job->settles_limits;
        return r;
}

static bool stays_as_made(const RestartPart *p)
{
        return p->changed && p->keep;
}

void job_take_limits(Job *job)
{
        Instance *i = job->instance;
        LogContext context;

        if (!job->settles_limits || stays_as_made(&job->parts[PART_APP]) ||
                        stays_as_made(&job->parts[PART_DATABASE]))
                return;
        job->settles_limits = false;
        i->limits = manager_limits_of(job->manager, i->product);
        i->has_limits = true;
        job_get_log_context(job, &context);
        log_full(LOG_NOTICE, 0, &context,
                        "Instance %s was made before there were default limits, and has them from now on",
                        i->id);
}

void job_take_public_url(Job *job)
{
        if (!job->public_url)
                return;
        free(job->instance->public_url);
        job->instance->public_url = TAKE_PTR(job->public_url);
}
