/* SPDX-License-Identifier: MIT */
#include "core/reconcile.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/manager-internal.h"
#include "core/names.h"

#define INSPECT_TIMEOUT_USEC (10 * USEC_PER_SEC)

/* One look at an instance's containers. */
struct InstanceCheck {
        Manager *manager;
        Instance *instance;
        Pending *inspecting, *storing;
        bool again; /* something happened meanwhile */
        char *trouble; /* why it does not run, once that is known */
        const char *step; /* whose trouble it is: "database" or "app" */
        char *message; /* it runs, but */
};

static InstanceCheck *check_free(InstanceCheck *check)
{
        if (!check)
                return NULL;
        pending_cancel(check->inspecting);
        pending_cancel(check->storing);
        free(check->trouble);
        free(check->message);
        return mfree(check);
}

void reconcile_forget(Instance *instance)
{
        instance->check = check_free(instance->check);
}

/* Only what has once been ready is looked at, and only while no job is at work on it. */
static bool is_watched(const Instance *i)
{
        return i->stored && !i->job && i->timeline[PHASE_READY] != TIMELINE_UNSET &&
               (i->status == INSTANCE_RUNNING || i->status == INSTANCE_FAILED);
}

/* ---- Verdict ---- */

static void check_end(InstanceCheck *check)
{
        Manager *m = check->manager;
        Instance *i = check->instance;
        bool again = check->again;

        reconcile_forget(i);
        if (again)
                reconcile_instance(m, i->id);
}

/* The status has been in effect since it was seen; a store that is away is caught up with when it returns. */
static void on_stored(int error, const char *reason, void *userdata)
{
        InstanceCheck *check = userdata;

        check->storing = NULL;
        if (error < 0) {
                log_warning("The state of %s is not stored yet: %s", check->instance->id, strempty(reason));
                manager_doubt(check->manager, STORE_INSTANCE, check->instance->id);
        }
        check_end(check);
}

static void check_store(InstanceCheck *check)
{
        StorePort *store = check->manager->store;
        Instance *i = check->instance;
        _cleanup_json_ struct json_object *record = instance_to_json(i, INSTANCE_VIEW_RECORD);

        if (!record) {
                log_oom();
                check_end(check);
                return;
        }
        const StoreWrite write = { STORE_PUT, STORE_INSTANCE, i->id, json_text(record),
                .score = i->created_usec };
        if (store->vtable->commit(store, &write, 1, MANAGER_STORE_TIMEOUT_USEC, on_stored, check,
                            &check->storing) < 0) {
                manager_doubt(check->manager, STORE_INSTANCE, i->id);
                check_end(check);
        }
}

static void log_verdict(const Instance *i, bool unwell)
{
        LogContext context;

        instance_get_log_context(i, &context);
        context.step = i->error_step;
        context.message_id = i->status == INSTANCE_FAILED ? MESSAGE_INSTANCE_STOPPED
                             : unwell                     ? MESSAGE_INSTANCE_UNWELL
                                                          : MESSAGE_INSTANCE_RECOVERED;
        if (i->status == INSTANCE_FAILED)
                log_full(LOG_WARNING, 0, &context, "Instance %s does not run any more: %s", i->id,
                                strempty(i->error_reason));
        else if (unwell)
                log_full(LOG_WARNING, 0, &context, "Instance %s runs, but: %s", i->id, strempty(i->message));
        else
                log_full(LOG_INFO, 0, &context, "Instance %s runs again as it should", i->id);
}

static void check_conclude(InstanceCheck *check)
{
        Instance *i = check->instance;
        InstanceStatus status = check->trouble ? INSTANCE_FAILED : INSTANCE_RUNNING;
        const char *message = check->trouble   ? "It does not run; restart it, or delete it"
                              : check->message ? check->message
                                               : "Ready";

        if (!is_watched(i) || (i->status == status && streq_ptr(i->message, message) &&
                                              streq_ptr(i->error_reason, check->trouble))) {
                check_end(check);
                return;
        }
        i->status = status;
        (void) free_and_strdup(&i->message, message);
        (void) free_and_strdup(&i->error_step, check->trouble ? check->step : NULL);
        (void) free_and_strdup(&i->error_reason, check->trouble);
        (void) free_and_strdup(&i->error_log, NULL);
        log_verdict(i, check->message != NULL);
        manager_notify(check->manager, MANAGER_INSTANCE_CHANGED, i, NULL);
        check_store(check);
}

/* ---- Looking ---- */

static void judge(InstanceCheck *check, const char *step, const char *what, int error,
                const ContainerState *state)
{
        if (check->trouble)
                return;
        check->step = step;
        if (error == -ENOENT)
                check->trouble = str_printf("%s has been removed", what);
        else if (state->oom_killed && !state->running)
                check->trouble = str_printf("%s ran out of the memory it is allowed", what);
        else if (!state->running && !state->restarting)
                check->trouble = str_printf("%s has ended, with exit status %d", what, state->exit_code);
        else if (check->message)
                return; /* one thing at a time */
        else if (state->restarting)
                check->message = str_printf("%s ended with exit status %d and is being restarted", what,
                                state->exit_code);
        else if (state->health == CONTAINER_HEALTH_UNHEALTHY)
                check->message = str_printf("%s is unhealthy", what);
}

static void on_database(int error, const char *reason, const ContainerState *state, void *userdata)
{
        InstanceCheck *check = userdata;

        check->inspecting = NULL;
        if (error < 0 && error != -ENOENT) {
                check_end(check); /* the engine is away: looked at again when it is back */
                return;
        }
        judge(check, "database", "The container of its database", error, state);
        check_conclude(check);
}

static void on_app(int error, const char *reason, const ContainerState *state, void *userdata)
{
        InstanceCheck *check = userdata;
        EnginePort *engine = check->manager->engine;
        InstanceNames names;

        check->inspecting = NULL;
        if (error < 0 && error != -ENOENT) {
                check_end(check);
                return;
        }
        judge(check, "app", "The container of the application", error, state);
        if (!check->instance->has_database) {
                check_conclude(check);
                return;
        }
        instance_names(check->instance, &names);
        if (engine->vtable->inspect_container(engine, names.database, names.network, INSPECT_TIMEOUT_USEC,
                            on_database, check, &check->inspecting) < 0)
                check_end(check);
}

void reconcile_instance(Manager *m, const char *instance_id)
{
        Instance *i = manager_get_instance(m, instance_id);

        if (!i || !is_watched(i))
                return;
        if (i->check) {
                i->check->again = true;
                return;
        }
        i->check = new0(InstanceCheck, 1);
        if (!i->check) {
                log_oom();
                return;
        }
        i->check->manager = m;
        i->check->instance = i;
        if (m->engine->vtable->inspect_container(m->engine, i->id, ARK_INGRESS_NETWORK, INSPECT_TIMEOUT_USEC,
                            on_app, i->check, &i->check->inspecting) < 0)
                reconcile_forget(i);
}
