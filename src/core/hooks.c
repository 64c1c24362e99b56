/* SPDX-License-Identifier: MIT */
#include "core/hooks.h"

#include "core/job/queue.h"
#include "core/model/instance.h"
#include "core/recovery/generation.h"
#include "core/registry/context.h"
#include "core/registry/hooks.h"
#include "core/registry/state.h"
#include "core/upkeep/check.h"
#include "core/upkeep/compose-files.h"
#include "core/upkeep/health.h"
#include "core/upkeep/lost.h"
#include "core/upkeep/retention.h"
#include "core/upkeep/rewrite.h"
#include "core/upkeep/sweep.h"

static void on_forget(Instance *instance)
{
        check_forget(instance);
        health_forget(instance);
}

/* Which leads to a store that knows of all. */
static void on_settled(Manager *m)
{
        if (generation_is_behind(m))
                sweep_run(m);
}

static void on_job_ended(Manager *m, Instance *i, const JobEnd *end)
{
        if (end->deleted)
                lost_forget(m, i);
        queue_job_ended(m, i, end);
        health_renew(m, i);
        check_instance(m, i->id); /* for what happened meanwhile */
        if (end->resumed && !i->job && !instance_has_resources(i))
                sweep_run(m); /* for what the engine still made for the daemon before this one */
        if (end->unanswered)
                sweep_later(m);
        retention_run(m);
}

const ManagerHooks manager_hooks = {
        .check = check_instance,
        .sweep = sweep_run,
        .sweep_later = sweep_later,
        .forget = on_forget,
        .rewrite = rewrite_start,
        .settled = on_settled,
        .compose_changed = compose_tend_instance,
        .job_ended = on_job_ended,
};
