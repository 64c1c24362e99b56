/* SPDX-License-Identifier: MIT */

/*
 * An engine that is started, as after a reboot, starts all containers at once; a product may need its database first.
 * An application that was started before its database answered is started again; so is one that answers, but with an
 * error: its first questions may have gone unheard before anybody looked.
 */

#include "core/upkeep/health-order.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/upkeep/health.h"

#define INSPECT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define LOGIN_TIMEOUT_USEC   (5 * USEC_PER_SEC)
#define RESTART_TIMEOUT_USEC (60 * USEC_PER_SEC)
/* What goes wrong later has other reasons. */
#define GIVE_UP_USEC (10 * USEC_PER_MINUTE)

void health_begin_order(InstanceHealth *h)
{
        const Instance *i = h->instance;

        if (!i->has_database || !i->product->needs_database_first)
                return;
        h->ordering_usec = h->due_usec = now_monotonic();
        h->database_answers = false;
}

/* ---- The application is started again ---- */

static void on_restarted(int error, const char *reason, void *userdata)
{
        InstanceHealth *h = userdata;
        Instance *i = h->instance;

        h->pending = NULL;
        h->restarting = false;
        if (error < 0)
                log_warning("The application of %s could not be started again: %s", i->id, strempty(reason));
        h->manager->hooks->check(h->manager, i->id); /* for what it was not looked at meanwhile */
        h->ordered(h, false);
}

static void restart(InstanceHealth *h)
{
        Manager *m = h->manager;
        EnginePort *engine = m->engine;
        LogContext context;

        instance_get_log_context(h->instance, &context);
        context.message_id = MESSAGE_APP_STARTED_AGAIN;
        log_full(LOG_NOTICE, 0, &context,
                        "The application of %s was started before its database answered, and is started "
                        "again",
                        h->instance->id);
        h->restarted = true;
        h->restarting = engine->vtable->restart_container(engine, h->instance->id, m->stop_s,
                                        RESTART_TIMEOUT_USEC + m->stop_s * USEC_PER_SEC, on_restarted, h,
                                        &h->pending) >= 0;
        if (!h->restarting)
                h->ordered(h, false);
}

/* ---- Looking ---- */

static void on_login(int error, const char *reason, void *userdata)
{
        InstanceHealth *h = userdata;

        h->pending = NULL;
        h->database_answers = error >= 0;
        if (error < 0)
                h->refused_usec = now_realtime();
        if (h->database_answers && h->refused_usec > h->app_started_usec && !h->restarted)
                restart(h);
        else
                h->ordered(h, true);
}

static void on_database(int error, const char *reason, const ContainerState *state, void *userdata)
{
        InstanceHealth *h = userdata;
        ProbePort *probe = h->manager->probe;
        InstanceNames names;

        h->pending = NULL;
        if (error < 0 || !state->running || !state->address) {
                on_login(-ENOTCONN, NULL, h);
                return;
        }
        instance_names(h->instance, &names);
        const DatabaseLogin login = {
                .address = state->address,
                .port = ARK_DATABASE_PORT,
                .database = names.database,
                .user = ARK_DATABASE_USER,
                .password = strempty(h->instance->database_password),
        };
        if (probe->vtable->database_login(probe, &login, LOGIN_TIMEOUT_USEC, on_login, h, &h->pending) < 0)
                h->ordered(h, false);
}

static void on_app(int error, const char *reason, const ContainerState *state, void *userdata)
{
        InstanceHealth *h = userdata;
        EnginePort *engine = h->manager->engine;
        InstanceNames names;

        h->pending = NULL;
        if (error < 0 || !state->running) {
                h->ordered(h, false);
                return;
        }
        h->app_started_usec = state->started_usec;
        instance_names(h->instance, &names);
        if (engine->vtable->inspect_container(engine, names.database, names.network, INSPECT_TIMEOUT_USEC,
                            on_database, h, &h->pending) < 0)
                h->ordered(h, false);
}

int health_ask_order(InstanceHealth *h)
{
        EnginePort *engine = h->manager->engine;

        return engine->vtable->inspect_container(engine, h->instance->id, ARK_INGRESS_NETWORK,
                        INSPECT_TIMEOUT_USEC, on_app, h, &h->pending);
}

/* By the engine's start, maybe, and not by a job of long ago. */
static bool is_young(const InstanceHealth *h)
{
        return usec_between(h->app_started_usec, now_realtime()) < GIVE_UP_USEC;
}

bool health_settle_order(InstanceHealth *h, int error)
{
        bool over = now_monotonic() >= h->ordering_usec + GIVE_UP_USEC;

        if (h->database_answers && error == -EBADMSG && !h->restarted && is_young(h)) {
                restart(h);
                return true;
        }
        if (over || (h->database_answers && (error >= 0 || h->restarted || error == -EBADMSG)))
                h->ordering_usec = 0;
        return false;
}
