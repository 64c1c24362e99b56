/* SPDX-License-Identifier: MIT */

/* The steps that wait until what was started answers: look at the container, ask it, wait a little longer. */

#include "core/steps/probe.h"

#include <errno.h>

#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/job/run.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/listening.h"
#include "core/model/product.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/spec/spec.h"

#define INSPECT_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define LOGIN_TIMEOUT_USEC   (5 * USEC_PER_SEC)
#define HTTP_TIMEOUT_USEC    (10 * USEC_PER_SEC)
#define LISTEN_TIMEOUT_USEC  (5 * USEC_PER_SEC)

/* For so long nothing need listen yet. Then it is looked now and then what does, which takes a process of the application's. */
#define LISTEN_PATIENCE_USEC (2 * USEC_PER_SEC)
#define LISTEN_PAUSE_USEC    (5 * USEC_PER_SEC)

/* A few milliseconds at first, half as much again each time, a tenth of a second at the most. */
#define PROBE_DELAY_FIRST_USEC (5 * USEC_PER_MSEC)
#define PROBE_DELAY_MAX_USEC   (100 * USEC_PER_MSEC)

/* One may trip over its own start, while it sets itself up or waits for something; the engine restarts it. */
#define FALLS_MAX 3

static uint64_t probe_delay(unsigned attempts)
{
        uint64_t delay = PROBE_DELAY_FIRST_USEC;

        while (attempts-- > 0 && delay < PROBE_DELAY_MAX_USEC)
                delay += delay / 2;
        return delay < PROBE_DELAY_MAX_USEC ? delay : PROBE_DELAY_MAX_USEC;
}

static int probe_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        StepRun *run = userdata;
        int r;

        run->timer = sd_event_source_disable_unref(run->timer);
        r = run->step->start(run);
        if (r < 0)
                step_done(run, r, strerror(-r));
        return 0;
}

static void probe_again(StepRun *run, const char *reason)
{
        int r;

        (void) free_and_strdup(&run->reason, strempty(reason));
        r = sd_event_add_time_relative(run->job->manager->event, &run->timer, CLOCK_MONOTONIC,
                        probe_delay(run->attempts++), USEC_PER_MSEC, probe_on_timer, run);
        if (r < 0)
                step_done(run, r, strerror(-r));
}

/* Answers whether the container can still become ready; ends the step where it cannot. */
static bool probe_container(StepRun *run, const char *what, const ContainerState *state)
{
        _cleanup_free_ char *reason = NULL;

        run->job->falls = state->restart_count;
        if (state->oom_killed)
                reason = str_printf("%s ran out of the memory it is allowed", what);
        else if (!state->running && !state->restarting)
                reason = str_printf("%s ended right after its start, with exit status %d", what,
                                state->exit_code);
        else if (state->restart_count > FALLS_MAX && state->restarting)
                /* Only between two starts is the exit status that of the last. */
                reason = str_printf("%s keeps ending right after its start, last with exit status %d", what,
                                state->exit_code);
        else
                return true;
        step_done(run, -ECHILD, reason);
        return false;
}

/* An engine that is busy, as when it is being stopped, is asked until the job's time is over. */
static void probe_not_inspected(StepRun *run, int error, const char *reason)
{
        if (error == -ETIMEDOUT)
                probe_again(run, reason);
        else
                step_done(run, error, reason);
}

/* ---- Database ---- */

static void on_login(int error, const char *reason, void *userdata)
{
        StepRun *run = userdata;

        run->pending = NULL;
        if (error == 0) {
                run->job->database_verified = true;
                step_done(run, 0, NULL);
        } else
                probe_again(run, reason);
}

static void on_database_inspected(int error, const char *reason, const ContainerState *state, void *userdata)
{
        StepRun *run = userdata;
        Manager *m = run->job->manager;
        int r;

        run->pending = NULL;
        if (error < 0) {
                probe_not_inspected(run, error, reason);
                return;
        }
        if (!probe_container(run, "the database", state))
                return;
        if (!state->running || !state->address) {
                probe_again(run, "the database is being started");
                return;
        }
        const DatabaseLogin login = {
                .address = state->address,
                .port = ARK_DATABASE_PORT,
                .database = run->job->spec->names.database,
                .user = ARK_DATABASE_USER,
                .password = strempty(run->job->instance->database_password),
        };
        r = m->probe->vtable->database_login(
                        m->probe, &login, LOGIN_TIMEOUT_USEC, on_login, run, &run->pending);
        if (r < 0)
                step_done(run, r, strerror(-r));
}

int start_login(StepRun *run)
{
        Manager *m = run->job->manager;
        const InstanceSpec *spec = run->job->spec;

        return m->engine->vtable->inspect_container(m->engine, spec->names.database, spec->names.network,
                        INSPECT_TIMEOUT_USEC, on_database_inspected, run, &run->pending);
}

/* ---- Application ---- */

static char *probe_path(const StepRun *run)
{
        const Product *product = run->job->instance->product;

        return str_printf("%s%s", product->prefix == PREFIX_KEEP ? run->job->spec->names.base_path : "",
                        product->health_path);
}

/* What was asked for and not answered, so that who has the port or the path wrong sees it. */
static char *describe_silence(const StepRun *run, int error, const char *reason)
{
        const unsigned port = run->job->instance->product->port;
        const char *exposed = run->job->exposed, *listens = run->job->listens;
        _cleanup_free_ char *path = probe_path(run);

        if (!path)
                return NULL;
        if (error != -ENOTCONN)
                return str_printf("GET %s on port %u: %s", path, port, strempty(reason));
        return str_printf("nothing listens on port %u (GET %s): %s%s%s%s%s", port, path, strempty(reason),
                        exposed ? "; the image exposes " : "", strempty(exposed),
                        listens ? "; the application listens on " : "", strempty(listens));
}

static void on_listeners(int error, const char *reason, const Listener *listeners, size_t n, void *userdata)
{
        StepRun *run = userdata;
        Job *job = run->job;
        _cleanup_free_ char *silence = NULL;

        run->pending = NULL;
        free(job->listens);
        job->listens = error < 0 ? NULL : listening_describe(listeners, n);
        silence = describe_silence(run, -ENOTCONN, "connection refused");
        probe_again(run, silence ? silence : reason);
}

/* Whether it is asked what it listens on instead, now and then; on_listeners() goes on. */
static bool ask_for_listeners(StepRun *run)
{
        Job *job = run->job;
        EnginePort *engine = job->manager->engine;
        const uint64_t now = now_monotonic();

        if (job->listens_next == 0)
                job->listens_next = now + LISTEN_PATIENCE_USEC;
        if (now < job->listens_next)
                return false;
        job->listens_next = now + LISTEN_PAUSE_USEC;
        return engine->vtable->container_listeners(engine, job->instance->id, LISTEN_TIMEOUT_USEC,
                               on_listeners, run, &run->pending) >= 0;
}

static void on_answer(int error, const char *reason, const HttpAnswer *answer, void *userdata)
{
        StepRun *run = userdata;

        run->pending = NULL;
        if (error == 0) {
                run->job->instance->secure_cookies = answer->secure_cookies;
                step_done(run, 0, NULL);
        } else if (error != -ENOTCONN || !ask_for_listeners(run)) {
                _cleanup_free_ char *silence = describe_silence(run, error, reason);

                probe_again(run, silence ? silence : reason);
        }
}

static int probe_http(StepRun *run, const char *address)
{
        Manager *m = run->job->manager;
        const Product *product = run->job->instance->product;
        _cleanup_free_ char *path = NULL, *host = NULL;

        path = probe_path(run);
        host = instance_url_host(run->job->instance);
        if (!path || !host)
                return -ENOMEM;
        return m->probe->vtable->http_get(m->probe,
                        &(HttpProbe){ .address = address,
                                        .port = product->port,
                                        .path = path,
                                        .host = host },
                        HTTP_TIMEOUT_USEC, on_answer, run, &run->pending);
}

static void on_app_inspected(int error, const char *reason, const ContainerState *state, void *userdata)
{
        StepRun *run = userdata;
        Instance *i = run->job->instance;
        _cleanup_free_ char *upstream = NULL;
        int r;

        run->pending = NULL;
        if (error < 0) {
                probe_not_inspected(run, error, reason);
                return;
        }
        if (!probe_container(run, "the application", state))
                return;
        if (!state->running || !state->address) {
                probe_again(run, "the application is being started");
                return;
        }
        upstream = str_printf("%s:%u", state->address, i->product->port);
        r = upstream ? probe_http(run, state->address) : -ENOMEM;
        if (r < 0) {
                step_done(run, r, strerror(-r));
                return;
        }
        free(i->upstream);
        i->upstream = TAKE_PTR(upstream);
}

int start_health(StepRun *run)
{
        Manager *m = run->job->manager;

        return m->engine->vtable->inspect_container(m->engine, run->job->instance->id, ARK_INGRESS_NETWORK,
                        INSPECT_TIMEOUT_USEC, on_app_inspected, run, &run->pending);
}
