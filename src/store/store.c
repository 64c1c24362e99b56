/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "store/commit.h"
#include "store/fence.h"
#include "store/generation.h"
#include "store/link.h"
#include "store/load.h"
#include "store/setup.h"

#define RETRY_MIN_USEC       (50 * USEC_PER_MSEC)
#define RETRY_MAX_USEC       (2 * USEC_PER_SEC)
#define CONNECT_TIMEOUT_USEC (5 * USEC_PER_SEC)
#define SETUP_TIMEOUT_USEC   (10 * USEC_PER_SEC)
#define PING_USEC            (10 * USEC_PER_SEC)

/* A store that cannot wait for its next attempt would never come back; the service manager starts us anew. */
static void arm(Store *s, sd_event_source *timer, uint64_t usec)
{
        int r = sd_event_source_set_time_relative(timer, usec);

        if (r >= 0)
                r = sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
        if (r < 0) {
                (void) log_error_errno(r, "The store cannot set a timer: %m");
                (void) sd_event_exit(s->event, r);
        }
}

static void disarm(sd_event_source *timer)
{
        (void) sd_event_source_set_enabled(timer, SD_EVENT_OFF);
}

static bool is_connected(StorePort *port)
{
        return store_is_connected(container_of(port, Store, port));
}

static void watch(StorePort *port, ConnectedHandler on_connected, StoreGenerationHandler on_generation,
                void *userdata)
{
        Store *s = container_of(port, Store, port);

        s->on_connected = on_connected;
        s->on_generation = on_generation;
        s->userdata = userdata;
}

static const StoreVTable store_vtable = {
        .load = store_load,
        .commit = store_commit,
        .is_connected = is_connected,
        .watch = watch,
};

static void connect_later(Store *s)
{
        arm(s, s->retry_timer, s->retry_usec);
        s->retry_usec = s->retry_usec * 2 < RETRY_MAX_USEC ? s->retry_usec * 2 : RETRY_MAX_USEC;
}

static void on_lost(const char *reason, void *userdata)
{
        Store *s = userdata;
        bool was_connected = s->connected;

        s->connection = redis_connection_free(s->connection);
        s->connected = false;
        disarm(s->setup_timer);
        disarm(s->ping_timer);
        job_entries_done(&s->setup_jobs);
        if (was_connected)
                log_warning("Lost the connection to Redis at %s: %s", s->address, reason);
        else if (!s->failure_logged)
                log_warning("Cannot use Redis at %s yet: %s; trying until it works", s->address, reason);
        s->failure_logged = true;
        connect_later(s);
        if (was_connected && s->on_connected)
                s->on_connected(false, s->userdata);
}

static void on_connected(void *userdata)
{
        Store *s = userdata;
        int r;

        arm(s, s->setup_timer, SETUP_TIMEOUT_USEC);
        r = store_fence_start(s);
        if (r < 0)
                redis_connection_break(s->connection, strerror(-r));
}

static void on_set_up(Store *s)
{
        disarm(s->setup_timer);
        s->connected = true;
        s->failure_logged = s->ping_unanswered = false;
        s->retry_usec = RETRY_MIN_USEC;
        arm(s, s->ping_timer, PING_USEC);
        log_info("Connected to Redis at %s", s->address);
        if (s->on_connected)
                s->on_connected(true, s->userdata);
}

static int store_connect(Store *s)
{
        return redis_connection_new(s->event, s->address, CONNECT_TIMEOUT_USEC, on_connected, on_lost, s,
                        &s->connection);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Store *s = userdata;
        int r;

        r = store_connect(s);
        if (r < 0) {
                (void) log_error_errno(r, "Cannot start connecting to Redis: %m");
                connect_later(s);
        }
        return 0;
}

static int on_setup_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        Store *s = userdata;

        redis_connection_break(s->connection, "it does not answer");
        return 0;
}

static void on_pong(int error, const redisReply *reply, void *userdata)
{
        Store *s = userdata;

        if (error < 0)
                return;
        s->ping_unanswered = false;
        if (reply->type == REDIS_REPLY_ERROR)
                store_check_readiness(s, reply->str);
}

/* Notices a Redis that hangs, or a host that went away without a word; and one that has been emptied. */
static int on_ping(sd_event_source *source, uint64_t usec, void *userdata)
{
        Store *s = userdata;
        int r;

        if (s->ping_unanswered) {
                redis_connection_break(s->connection, "it does not answer");
                return 0;
        }
        r = store_send(s, (const char *const[]){ "PING", NULL }, on_pong, s, NULL);
        if (r >= 0)
                r = store_read_generation(s);
        if (r < 0)
                redis_connection_break(s->connection, strerror(-r));
        s->ping_unanswered = true;
        arm(s, s->ping_timer, PING_USEC);
        return 0;
}

static int add_timer(Store *s, sd_event_time_handler_t handler, sd_event_source **ret)
{
        int r = sd_event_add_time(s->event, ret, CLOCK_MONOTONIC, UINT64_MAX, USEC_PER_MSEC, handler, s);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int store_new(sd_event *event, const char *address, const char *deployment, Store **ret)
{
        _cleanup_(store_freep) Store *s = new0(Store, 1);
        int r;

        if (!s)
                return -ENOMEM;
        TAILQ_INIT(&s->commits);
        s->port.vtable = &store_vtable;
        s->on_fenced = store_setup_start;
        s->on_set_up = on_set_up;
        s->event = sd_event_ref(event);
        s->retry_usec = RETRY_MIN_USEC;
        s->address = strdup(address);
        s->generation_key = str_printf("%s%s", store_prefix(STORE_GENERATION), deployment);
        if (!s->address || !s->generation_key)
                return -ENOMEM;
        r = store_fence_name(deployment, &s->name);
        if (r >= 0)
                r = add_timer(s, on_retry, &s->retry_timer);
        if (r >= 0)
                r = add_timer(s, on_setup_timeout, &s->setup_timer);
        if (r >= 0)
                r = add_timer(s, on_ping, &s->ping_timer);
        if (r >= 0)
                r = store_connect(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Store *store_free(Store *s)
{
        if (!s)
                return NULL;
        store_load_drop(s);
        (void) redis_connection_free(s->connection);
        store_commits_drop(s);
        (void) sd_event_source_disable_unref(s->retry_timer);
        (void) sd_event_source_disable_unref(s->setup_timer);
        (void) sd_event_source_disable_unref(s->ping_timer);
        job_entries_done(&s->jobs);
        job_entries_done(&s->setup_jobs);
        free(s->address);
        free(s->generation_key);
        free(s->name);
        (void) sd_event_unref(s->event);
        return mfree(s);
}

StorePort *store_port(Store *s)
{
        return &s->port;
}
