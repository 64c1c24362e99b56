/* SPDX-License-Identifier: MIT */
#include "http/server.h"

#include <errno.h>
#include <sys/resource.h>
#include <time.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/registry/context.h"
#include "core/registry/watch.h"
#include "http/server-internal.h"

/* Descriptors that are not for connections: the engine, the store, the bus, files. */
#define DESCRIPTORS_KEPT 128U
#define CONNECTIONS_MIN  8U
#define CONNECTIONS_MAX  1000U

static const MhdLimits limits = {
        .idle_s = 30,
        .memory = (size_t) 32 * 1024,
        .body = (size_t) 64 * 1024,
        .transfer_usec = 60 * USEC_PER_SEC,
        .stream_usec = USEC_PER_HOUR,
};

static const MhdHandlers handlers = {
        .on_head = call_on_head,
        .on_request = call_on_request,
        .on_too_large = call_on_too_large,
        .on_end = call_on_end,
};

int http_server_new(sd_event *event, Manager *manager, const AuthSettings *settings, HttpServer **ret)
{
        _cleanup_(http_server_freep) HttpServer *server = new0(HttpServer, 1);
        int r;

        if (!server)
                return -ENOMEM;
        LIST_INIT(&server->streams);
        LIST_INIT(&server->calls);
        LIST_INIT(&server->listeners);
        server->event = sd_event_ref(event);
        server->manager = manager;
        r = auth_new(settings, &server->auth);
        if (r < 0)
                return r;
        r = attempts_new(event, &server->attempts);
        if (r < 0)
                return r;
        r = router_new(&server->router);
        if (r < 0)
                return r;
        r = manager_watch(manager, events_on_change, server, &server->watch);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &server->ping, CLOCK_MONOTONIC, UINT64_MAX / 2, USEC_PER_SEC,
                        events_on_ping, server);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(server->ping, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(server);
        return 0;
}

/* Without a descriptor nothing could be deployed, nor the watchdog told: so connections alone must not use them up. */
static unsigned connections_max(void)
{
        struct rlimit files;
        rlim_t share;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur <= DESCRIPTORS_KEPT)
                return CONNECTIONS_MIN;
        share = (files.rlim_cur - DESCRIPTORS_KEPT) / 3; /* there are three listeners */
        return share > CONNECTIONS_MAX   ? CONNECTIONS_MAX
               : share < CONNECTIONS_MIN ? CONNECTIONS_MIN
                                         : (unsigned) share;
}

int http_server_add_listener(HttpServer *server, ListenerKind kind, int fd)
{
        MhdLimits bounded = limits;
        HttpListener *listener;
        int r;

        if (kind != LISTENER_PUBLIC && kind != LISTENER_ADMIN && kind != LISTENER_LOCAL)
                return -EINVAL;
        listener = new0(HttpListener, 1);
        if (!listener)
                return -ENOMEM;
        listener->server = server;
        listener->kind = kind;
        bounded.connections = connections_max();
        r = mhd_glue_new(server->event, fd, &bounded, &handlers, listener, &listener->glue);
        if (r < 0) {
                free(listener);
                return log_error_errno(r, "Cannot serve the %s listener: %m", listener_kind_to_string(kind));
        }
        LIST_INSERT_HEAD(&server->listeners, listener, list);
        return 0;
}

HttpServer *http_server_free(HttpServer *server)
{
        HttpListener *listener;
        Call *call;

        if (!server)
                return NULL;
        LIST_FOREACH(listener, &server->listeners, list)
        mhd_glue_drain(listener->glue);
        LIST_FOREACH(call, &server->calls, list)
        call_abandon(call, "The service is stopping. What was begun goes on when it is back.");
        while ((listener = LIST_FIRST(&server->listeners))) {
                LIST_REMOVE(listener, list);
                mhd_glue_free(listener->glue);
                free(listener);
        }
        manager_watch_free(server->watch);
        sd_event_source_disable_unref(server->ping);
        router_free(server->router);
        attempts_free(server->attempts);
        auth_free(server->auth);
        sd_event_unref(server->event);
        free(server);
        return NULL;
}

int http_server_allow_host(HttpServer *server, const char *host)
{
        return auth_allow_host(server->auth, host);
}
