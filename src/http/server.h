/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "auth/auth.h"
#include "core/registry/context.h"

/*
 * The HTTP side: listeners, the verbs of core/verbs/verb.h, the stream of an instance's changes, where an instance is
 * (for nginx) and whether all is well.
 */
typedef struct HttpServer HttpServer;

/* The manager must outlive it. -EINVAL where a setting is malformed; that is logged. */
int http_server_new(sd_event *event, Manager *manager, const AuthSettings *settings, HttpServer **ret);

/* Listens on fd, a listening socket: unix for public and admin, TCP for local. Takes it over on success. */
int http_server_add_listener(HttpServer *server, ListenerKind kind, int fd);

/* Requests for that host name, without port, are answered too from now on. 0 or -ENOMEM. */
int http_server_allow_host(HttpServer *server, const char *host);

/* Calls that still wait get a 503; their jobs go on. */
HttpServer *http_server_free(HttpServer *server);
DEFINE_CLEANUP_FUNC(HttpServer, http_server_free);
