/* SPDX-License-Identifier: MIT */

#include "core/upkeep/check.h"

#include <errno.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance-volume.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/doubts.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/upkeep/health.h"
#include "core/upkeep/lost.h"
#include "core/upkeep/sweep.h"
#include "core/upkeep/watched.h"

#define INSPECT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define TEXT_MAX             256

/* A look that failed is repeated after this long, then after twice as long each time, a minute at the most. */
#define RETRY_USEC          USEC_PER_SEC
#define RETRY_DOUBLINGS_MAX 6
#define RETRY_ACCURACY      (100 * USEC_PER_MSEC)
/* What the engine restarted by itself counts as running after this long. */
#define STEADY_USEC (30 * USEC_PER_SEC)

/* One look at an instance's containers. */
struct InstanceCheck {
        Manager *manager;
        Instance *instance;
        Pending *inspecting, *storing;
        sd_event_source *retry; /* when it is repeated */
        unsigned failures; /* looks that failed one after the other */
        bool again; /* something happened meanwhile */
        bool gone; /* a container is */
        bool noted; /* volumes came to be known */
        unsigned restarts; /* of its containers, by the engine itself */
        uint64_t started_usec; /* the last of them, CLOCK_REALTIME */
        char trouble[TEXT_MAX]; /* why it does not run, once that is known; else empty, as the next */
        const char *step; /* whose trouble it is: "database" or "app" */
        char message[TEXT_MAX]; /* it runs, but */
};

static InstanceCheck *check_free(InstanceCheck *check)
{
        if (!check)
                return NULL;
        pending_cancel(check->inspecting);
        pending_cancel(check->storing);
        sd_event_source_disable_unref(check->retry);
        return mfree(check);
}

void check_forget(Instance *instance)
{
        instance->check = check_free(instance->check);
}

/* ---- Verdict ---- */

/* What has changed is seen once. */
static void not_looked_at(Manager *m)
{
        manager_begin_anew(m, -ENOMEM, "The state of an instance cannot be kept in mind");
}

static void check_end(InstanceCheck *check)
{
        Manager *m = check->manager;
        Instance *i = check->instance;
        bool again = check->again, gone = check->gone;

        check_forget(i);
        health_watch(m, i);
        if (gone)
                m->hooks->sweep_later(m); /* for its volumes */
        if (again)
                check_instance(m, i->id);
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
                manager_doubt(check->manager, STORE_INSTANCE, i->id);
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
        context.message_id = health_get_fault(i)            ? MESSAGE_INSTANCE_SILENT
                             : i->status == INSTANCE_FAILED ? MESSAGE_INSTANCE_STOPPED
                             : unwell                       ? MESSAGE_INSTANCE_UNWELL
                                                            : MESSAGE_INSTANCE_RECOVERED;
        if (health_get_fault(i))
                log_full(LOG_WARNING, 0, &context, "Instance %s runs, and does not answer: %s", i->id,
                                strempty(i->error_reason));
        else if (i->status == INSTANCE_FAILED)
                log_full(LOG_WARNING, 0, &context, "Instance %s does not run any more: %s", i->id,
                                strempty(i->error_reason));
        else if (unwell)
                log_full(LOG_WARNING, 0, &context, "Instance %s runs, but: %s", i->id, strempty(i->message));
        else
                log_full(LOG_INFO, 0, &context, "Instance %s runs again as it should", i->id);
}

static void check_look(InstanceCheck *check);

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        InstanceCheck *check = userdata;

        check->retry = sd_event_source_disable_unref(check->retry);
        check_look(check);
        return 0;
}

static void check_look_later(InstanceCheck *check, uint64_t usec)
{
        manager_call_later(check->manager, usec, RETRY_ACCURACY, on_retry, check, &check->retry);
}

/*
 * What a job found out stands until the containers have been started anew, or the application has become healthy: that
 * they run was so when the job failed. One that the engine restarts may end again. Answers whether the look ends so.
 */
static bool check_keeps_verdict(InstanceCheck *check)
{
        Instance *i = check->instance;
        bool well = !check->trouble[0] && !check->message[0] && !health_get_fault(i);
        bool revived = i->revived || check->started_usec > i->verdict_usec;

        if (i->verdict_usec == 0)
                return false;
        if (well && revived && (check->restarts == 0 || check->restarts == i->revived_restarts))
                return false;
        if (well && revived && !check->again) {
                i->revived_restarts = check->restarts;
                check_look_later(check, STEADY_USEC);
        } else
                check_end(check);
        return true;
}

/* That its containers are down, or being started again, says more than that it does not answer. */
static const char *find_trouble(InstanceCheck *check)
{
        const char *fault;

        if (check->trouble[0]) {
                if (!health_is_restarting(check->instance))
                        health_forget(check->instance);
                return check->trouble;
        }
        fault = health_get_fault(check->instance);
        if (fault)
                check->step = "health";
        return fault && check->message[0] ? check->message : fault;
}

static void check_conclude(InstanceCheck *check)
{
        Instance *i = check->instance;
        const char *trouble = find_trouble(check);
        InstanceStatus status = trouble ? INSTANCE_FAILED : INSTANCE_RUNNING;
        const char *message = check->trouble[0]   ? "It does not run; restart it, or delete it"
                              : trouble           ? "It runs, but does not answer; restart it, or wait"
                              : check->message[0] ? check->message
                                                  : instance_ready_message;

        if (instance_is_watched(i) && check_keeps_verdict(check))
                return;
        if (!instance_is_watched(i) || (i->status == status && streq_ptr(i->message, message) &&
                                                       streq_ptr(i->error_reason, trouble))) {
                if (check->noted)
                        check_store(check);
                else
                        check_end(check);
                return;
        }
        if (free_and_strdup(&i->message, message) < 0 ||
                        free_and_strdup(&i->error_step, trouble ? check->step : NULL) < 0 ||
                        free_and_strdup(&i->error_reason, trouble) < 0) {
                not_looked_at(check->manager);
                check_end(check);
                return;
        }
        (void) free_and_strdup(&i->error_log, NULL);
        i->status = status;
        i->verdict_usec = 0;
        i->revived = false;
        log_verdict(i, check->message[0] != 0);
        manager_notify(check->manager, MANAGER_INSTANCE_CHANGED, i, NULL);
        check_store(check);
}

/* ---- Looking ---- */

/* That data is gone with it is what counts most. */
static void judge_gone(InstanceCheck *check, const char *step, const char *role, const char *what)
{
        const char *lost = lost_of(check->manager, check->instance, role);

        check->gone = check->gone || !lost;
        if (!lost && check->trouble[0])
                return;
        check->step = step;
        if (lost)
                (void) snprintf(check->trouble, TEXT_MAX,
                                "%s has been removed, and its volume %s, with its data", what, lost);
        else
                (void) snprintf(check->trouble, TEXT_MAX, "%s has been removed", what);
}

/* What its containers have that no label tells of must be known before they are gone. */
static void note_volumes(InstanceCheck *check, const char *role, const ContainerState *state)
{
        int r = instance_note_volumes(check->instance, role, state);

        if (r < 0)
                not_looked_at(check->manager);
        check->noted = check->noted || r > 0;
}

static void judge(InstanceCheck *check, const char *step, const char *what, int error,
                const ContainerState *state)
{
        const char *role = streq(step, "app") ? ARK_ROLE_APP : ARK_ROLE_DATABASE;

        if (error == -ENOENT) {
                judge_gone(check, step, role, what);
                return;
        }
        note_volumes(check, role, state);
        if (check->trouble[0])
                return;
        check->step = step;
        check->restarts += state->restart_count;
        if (state->started_usec > check->started_usec)
                check->started_usec = state->started_usec;
        if (state->oom_killed && !state->running)
                (void) snprintf(check->trouble, TEXT_MAX, "%s ran out of the memory it is allowed", what);
        else if (!state->running && !state->restarting)
                (void) snprintf(check->trouble, TEXT_MAX, "%s has ended, with exit status %d", what,
                                state->exit_code);
        else if (check->message[0])
                return; /* one thing at a time */
        else if (state->restarting)
                (void) snprintf(check->message, TEXT_MAX,
                                "%s ended with exit status %d and is being restarted", what,
                                state->exit_code);
        else if (state->health == CONTAINER_HEALTH_UNHEALTHY)
                (void) snprintf(check->message, TEXT_MAX, "%s is unhealthy", what);
}

/* What it was about happened once: nothing else may ever have it looked at again. */
static void check_look_again(InstanceCheck *check, int error, const char *reason)
{
        Manager *m = check->manager;
        unsigned doublings = check->failures < RETRY_DOUBLINGS_MAX ? check->failures : RETRY_DOUBLINGS_MAX;

        if (!manager_engine_connected(m)) {
                check_forget(check->instance); /* everything is looked at when it is back */
                return;
        }
        log_debug("The containers of %s could not be looked at, trying again: %s", check->instance->id,
                        reason ? reason : strerror(-error));
        check->failures++;
        check_look_later(check, RETRY_USEC << doublings);
}

static void on_database(int error, const char *reason, const ContainerState *state, void *userdata)
{
        InstanceCheck *check = userdata;

        check->inspecting = NULL;
        if (error < 0 && error != -ENOENT) {
                check_look_again(check, error, reason);
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
        int r;

        check->inspecting = NULL;
        if (error < 0 && error != -ENOENT) {
                check_look_again(check, error, reason);
                return;
        }
        judge(check, "app", "The container of the application", error, state);
        if (!check->instance->has_database) {
                check_conclude(check);
                return;
        }
        instance_names(check->instance, &names);
        r = engine->vtable->inspect_container(engine, names.database, names.network, INSPECT_TIMEOUT_USEC,
                        on_database, check, &check->inspecting);
        if (r < 0)
                check_look_again(check, r, NULL);
}

static void check_look(InstanceCheck *check)
{
        EnginePort *engine = check->manager->engine;
        int r;

        check->again = check->gone = false;
        check->restarts = 0;
        check->started_usec = 0;
        check->trouble[0] = check->message[0] = 0;
        if (!instance_is_watched(check->instance)) {
                check_forget(check->instance);
                return;
        }
        r = engine->vtable->inspect_container(engine, check->instance->id, ARK_INGRESS_NETWORK,
                        INSPECT_TIMEOUT_USEC, on_app, check, &check->inspecting);
        if (r < 0)
                check_look_again(check, r, NULL);
}

void check_instance(Manager *m, const char *instance_id)
{
        Instance *i = manager_get_instance(m, instance_id);

        if (!i || !instance_is_watched(i))
                return;
        if (i->check && !i->check->retry) {
                i->check->again = true;
                return;
        }
        if (i->check)
                i->check->retry = sd_event_source_disable_unref(i->check->retry);
        else if ((i->check = new0(InstanceCheck, 1)) != NULL) {
                i->check->manager = m;
                i->check->instance = i;
        } else {
                not_looked_at(m);
                return;
        }
        check_look(i->check);
}

void check_event(Manager *m, const char *instance_id, const char *role, const char *event)
{
        Instance *i = manager_get_instance(m, instance_id);
        bool healthy = streq(role, ARK_ROLE_APP) && streq(event, "health_status: healthy");

        if (i && !i->job && (healthy || streq(event, "start")))
                i->revived = true;
        check_instance(m, instance_id);
}
