/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/queue.h>

#include "auth/attempts.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"
#include "core/registry/watch.h"
#include "core/verbs/request.h"
#include "glue/mhd-glue.h"
#include "http/reply.h"
#include "http/router.h"
#include "http/server.h"

/* Shared by server.c (listeners), call.c (one call, from its head to its answer), token.c, events.c
 * and status.c. */

typedef struct Call Call;
typedef struct Stream Stream;

typedef struct HttpListener {
        HttpServer *server;
        ListenerKind kind;
        MhdGlue *glue;
        LIST_ENTRY(HttpListener) list;
} HttpListener;

struct HttpServer {
        sd_event *event;
        Manager *manager;
        Auth *auth;
        Attempts *attempts;
        Router *router;
        ManagerWatch *watch;
        sd_event_source *ping;
        unsigned n_streams;
        LIST_HEAD(, Stream) streams;
        LIST_HEAD(, Call) calls;
        LIST_HEAD(, HttpListener) listeners;
};

struct Call {
        HttpListener *listener;
        MhdExchange *exchange;
        RouteMatch match;
        Caller caller; /* empty once the request has it */
        Request *request;
        sd_event_source *deadline;
        Stream *stream;
        LIST_ENTRY(Call) list;
};

/* The handlers of the glue; userdata is the HttpListener. */
void call_on_head(MhdExchange *exchange, void *userdata);
void call_on_request(MhdExchange *exchange, void *userdata);
void call_on_too_large(MhdExchange *exchange, void *userdata);
void call_on_end(MhdExchange *exchange, void *userdata);

/* Answers 503 to a call that waits, and stops it. */
void call_abandon(Call *call, const char *reason);

/* Answers a call with the changes of an instance. identity: for the limit of streams; may be NULL. */
void events_start(Call *call, const char *instance_id, const Caller *caller);
void stream_free(Stream *stream);
/* Handler of the manager's watch; userdata is the HttpServer. */
void events_on_change(ManagerEvent event, Instance *instance, Product *product, void *userdata);
int events_on_ping(sd_event_source *source, uint64_t usec, void *userdata);

/* Answers 429 and returns false where too many wrong tokens came from the same address. */
bool call_check_attempts(Call *call, const AuthPeer *peer);
/* After a 401: logs and counts it, where a token was sent. */
void call_note_wrong_token(Call *call, const AuthPeer *peer);

void status_reply_health(Call *call);
void status_reply_instance(Call *call);
void status_reply_host(Call *call);
