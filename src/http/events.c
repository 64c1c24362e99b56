/* SPDX-License-Identifier: MIT */
#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/registry.h"
#include "core/registry/watch.h"
#include "core/verbs/request.h"
#include "http/server-internal.h"

#define STREAMS_MAX          256
#define STREAMS_IDENTITY_MAX 32
/* What waits for a slow reader; past it only the newest state is kept. */
#define BUFFER_MAX ((size_t) 16 * 1024)
#define PING_USEC  (15 * USEC_PER_SEC)

/* Somebody who follows an instance. */
struct Stream {
        Call *call;
        char *instance_id, *identity;
        InstanceView view;
        char *buffer;
        size_t n_buffer;
        bool behind; /* the newest state is not in the buffer yet */
        bool ended; /* no change is to come */
        LIST_ENTRY(Stream) list;
};

void stream_free(Stream *stream)
{
        HttpServer *server = stream->call->listener->server;

        LIST_REMOVE(stream, list);
        server->n_streams--;
        stream->call->stream = NULL;
        free(stream->instance_id);
        free(stream->identity);
        free(stream->buffer);
        free(stream);
}

static void stream_append(Stream *stream, const char *text, size_t n)
{
        char *p = realloc(stream->buffer, stream->n_buffer + n);

        if (!p) {
                stream->behind = true;
                return;
        }
        memcpy(p + stream->n_buffer, text, n);
        stream->buffer = p;
        stream->n_buffer += n;
}

/* The state as it is now. JSON text has no line feeds, so it is one data line. */
static void stream_add_state(Stream *stream, const Instance *instance)
{
        _cleanup_json_ struct json_object *o = NULL;
        _cleanup_free_ char *text = NULL;
        const char *json;

        stream->behind = stream->n_buffer > 0 && stream->n_buffer >= BUFFER_MAX;
        if (!stream->behind) {
                o = instance_to_json(instance, stream->view);
                json = o ? json_text(o) : NULL;
                text = json ? str_printf("event: instance\ndata: %s\n\n", json) : NULL;
                if (text)
                        stream_append(stream, text, strlen(text));
                else
                        stream->behind = true;
        }
        stream->ended = instance->status == INSTANCE_RUNNING || instance->status == INSTANCE_FAILED ||
                        instance->status == INSTANCE_DELETED || instance->status == INSTANCE_NEWER;
}

static ssize_t stream_on_fill(MhdExchange *exchange, char *buffer, size_t max, void *userdata)
{
        Stream *stream = userdata;
        Instance *instance;
        size_t n;

        if (stream->n_buffer == 0 && stream->behind) {
                instance = manager_get_instance(
                                stream->call->listener->server->manager, stream->instance_id);
                stream->behind = false;
                if (instance)
                        stream_add_state(stream, instance);
                else
                        stream->ended = true;
        }
        if (stream->n_buffer == 0)
                return stream->ended ? -1 : 0;
        n = stream->n_buffer < max ? stream->n_buffer : max;
        memcpy(buffer, stream->buffer, n);
        stream->n_buffer -= n;
        memmove(stream->buffer, stream->buffer + n, stream->n_buffer);
        return (ssize_t) n;
}

void events_on_change(ManagerEvent event, Instance *instance, Product *product, void *userdata)
{
        HttpServer *server = userdata;
        Stream *stream;

        if (!instance)
                return;
        LIST_FOREACH(stream, &server->streams, list)
        if (streq(stream->instance_id, instance->id)) {
                stream_add_state(stream, instance);
                mhd_exchange_wake(stream->call->exchange);
        }
}

static void events_arm_ping(HttpServer *server)
{
        int r = sd_event_source_set_time_relative(server->ping, PING_USEC);

        if (r >= 0)
                r = sd_event_source_set_enabled(server->ping, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error_errno(r, "Streams cannot be kept alive: %m");
}

/* A comment now and then: proxies keep the connection, and one that is dead is found out. */
int events_on_ping(sd_event_source *source, uint64_t usec, void *userdata)
{
        static const char ping[] = ": ping\n\n";
        HttpServer *server = userdata;
        Stream *stream;

        LIST_FOREACH(stream, &server->streams, list)
        {
                if (stream->n_buffer == 0)
                        stream_append(stream, ping, strlen(ping));
                mhd_exchange_wake(stream->call->exchange);
        }
        if (!LIST_EMPTY(&server->streams))
                events_arm_ping(server);
        return 0;
}

static bool events_have_room(HttpServer *server, const Caller *caller)
{
        unsigned n = 0;
        Stream *stream;

        if (server->n_streams >= STREAMS_MAX)
                return false;
        if (caller->unlimited)
                return true;
        LIST_FOREACH(stream, &server->streams, list)
        n += streq_ptr(stream->identity, caller->identity);
        return n < STREAMS_IDENTITY_MAX;
}

static Stream *stream_new(Call *call, const char *instance_id, const Caller *caller)
{
        HttpServer *server = call->listener->server;
        Stream *stream = new0(Stream, 1);

        if (!stream)
                return NULL;
        stream->call = call;
        stream->view = caller->role == ROLE_OPERATOR ? INSTANCE_VIEW_OPERATOR : INSTANCE_VIEW_VISITOR;
        LIST_INSERT_HEAD(&server->streams, stream, list);
        server->n_streams++;
        call->stream = stream;
        if (free_and_strdup(&stream->instance_id, instance_id) < 0 ||
                        free_and_strdup(&stream->identity, caller->identity) < 0) {
                stream_free(stream);
                return NULL;
        }
        return stream;
}

void events_start(Call *call, const char *instance_id, const Caller *caller)
{
        HttpServer *server = call->listener->server;
        struct MHD_Response *response;
        Stream *stream;

        if (!events_have_room(server, caller))
                return reply_problem(call->exchange,
                                &(Problem){
                                                .status = MHD_HTTP_SERVICE_UNAVAILABLE,
                                                .reason = "Too many streams are open. Ask for the instance "
                                                          "itself every few seconds instead.",
                                });
        stream = stream_new(call, instance_id, caller);
        if (!stream)
                return mhd_exchange_reply(call->exchange, 0, NULL);
        stream->behind = true; /* it begins with the state as it is */
        if (server->n_streams == 1)
                events_arm_ping(server);
        response = mhd_exchange_stream(call->exchange, stream_on_fill, stream);
        reply_add_common(&response, "text/event-stream");
        reply_add_header(&response, "X-Accel-Buffering", "no");
        mhd_exchange_reply(call->exchange, MHD_HTTP_OK, response);
}
