/* SPDX-License-Identifier: MIT */
#include "glue/redis-glue.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/async.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "basic/parse.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define REASON_MAX 256

typedef struct RedisCall RedisCall;

/* A command whose answer is awaited. While hiredis knows it, only hiredis' callback frees it. */
struct RedisCall {
        Pending pending;
        RedisConnection *connection; /* NULL once nobody waits for it */
        RedisReplyHandler handler;
        void *userdata;
        bool lost; /* hiredis gave it back without an answer */
        TAILQ_ENTRY(RedisCall) calls;
};

struct RedisConnection {
        sd_event_source *io, *connect_timer, *settle_source;
        redisAsyncContext *context; /* NULL once hiredis has freed it */
        uint32_t events;
        RedisConnectedHandler on_connected;
        RedisLostHandler on_lost;
        void *userdata;
        char reason[REASON_MAX];
        unsigned depth; /* frames on the stack that still use this structure */
        bool open, connected_untold, lost_told, breaking, dead;
        TAILQ_HEAD(, RedisCall) calls;
};

/*
 * hiredis frees its context whenever it likes to while it handles an event, and frees at once or later depending on
 * its version when it is asked to in a callback. So nothing is asked of it in its callbacks: they take notes, and
 * connection_settle() acts on them once hiredis has returned.
 */

static void set_reason(RedisConnection *c, const char *reason)
{
        if (c->reason[0] == '\0' && reason && reason[0])
                (void) snprintf(c->reason, sizeof c->reason, "%s", reason);
}

/* Asks for connection_settle() from the loop. */
static void schedule_settle(RedisConnection *c)
{
        int r = sd_event_source_set_enabled(c->settle_source, SD_EVENT_ONESHOT);

        assert(r >= 0); /* a source of this very loop and process cannot be refused */
        (void) r;
}

static void set_events(RedisConnection *c, uint32_t events)
{
        int r = 0;

        if (c->events == events || !c->io)
                return;
        c->events = events;
        /* With an empty mask epoll would still report hang-ups, for ever. */
        if (events != 0)
                r = sd_event_source_set_io_events(c->io, events);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->io, events != 0 ? SD_EVENT_ON : SD_EVENT_OFF);
        if (r < 0)
                redis_connection_break(c, strerror(-r));
}

static void hook_add_read(void *userdata)
{
        RedisConnection *c = userdata;

        set_events(c, c->events | EPOLLIN);
}

static void hook_del_read(void *userdata)
{
        RedisConnection *c = userdata;

        set_events(c, c->events & ~(uint32_t) EPOLLIN);
}

static void hook_add_write(void *userdata)
{
        RedisConnection *c = userdata;

        set_events(c, c->events | EPOLLOUT);
}

static void hook_del_write(void *userdata)
{
        RedisConnection *c = userdata;

        set_events(c, c->events & ~(uint32_t) EPOLLOUT);
}

/* The context is about to be freed, and its descriptor closed. */
static void hook_cleanup(void *userdata)
{
        RedisConnection *c = userdata;

        if (c->context)
                set_reason(c, c->context->c.errstr);
        c->io = sd_event_source_disable_unref(c->io);
        c->context = NULL;
        c->open = false;
}

static void hook_connected(const redisAsyncContext *context, int status)
{
        RedisConnection *c = context->data;

        if (status != REDIS_OK) {
                set_reason(c, context->errstr);
                return;
        }
        c->open = c->connected_untold = !c->breaking && !c->dead;
}

static void call_free(RedisCall *call)
{
        if (call->connection)
                TAILQ_REMOVE(&call->connection->calls, call, calls);
        free(call);
}

/* Nobody waits for it any more. */
static void call_detach(RedisCall *call)
{
        if (call->lost) {
                call_free(call);
                return;
        }
        TAILQ_REMOVE(&call->connection->calls, call, calls);
        call->connection = NULL;
}

static void call_cancel(Pending *pending)
{
        call_detach(container_of(pending, RedisCall, pending));
}

static void hook_reply(redisAsyncContext *context, void *r, void *userdata)
{
        RedisCall *call = userdata;
        RedisReplyHandler handler = call->handler;
        void *handler_userdata = call->userdata;
        const redisReply *reply = r;

        if (!call->connection) {
                call_free(call);
                return;
        }
        if (!reply || call->connection->breaking) {
                call->lost = true;
                return;
        }
        call_free(call);
        if (handler)
                handler(0, reply, handler_userdata);
}

static void connection_destroy(RedisConnection *c)
{
        c->depth++;
        if (c->context)
                redisAsyncFree(c->context);
        assert(!c->context);
        (void) sd_event_source_disable_unref(c->connect_timer);
        (void) sd_event_source_disable_unref(c->settle_source);
        free(c);
}

static void fail_calls(RedisConnection *c)
{
        RedisCall *call;

        while (!c->dead && (call = TAILQ_FIRST(&c->calls))) {
                RedisReplyHandler handler = call->handler;
                void *userdata = call->userdata;

                assert(call->lost);
                call_free(call);
                if (handler)
                        handler(-ENOTCONN, NULL, userdata);
        }
}

/* Acts on what was noted. c may be freed by it. */
static void connection_settle(RedisConnection *c)
{
        if (c->depth > 0)
                return;
        c->depth++;
        if (c->breaking && c->context && !c->dead)
                redisAsyncFree(c->context);
        if (!c->context)
                c->connected_untold = false;
        if (c->connected_untold && !c->dead) {
                c->connected_untold = false;
                (void) sd_event_source_set_enabled(c->connect_timer, SD_EVENT_OFF);
                c->on_connected(c->userdata);
        }
        if (!c->context && !c->lost_told) {
                (void) sd_event_source_set_enabled(c->connect_timer, SD_EVENT_OFF);
                fail_calls(c);
                c->lost_told = true;
                if (!c->dead)
                        c->on_lost(c->reason[0] ? c->reason : "the connection ended", c->userdata);
        }
        c->depth--;
        if (c->dead)
                connection_destroy(c);
}

static int on_settle(sd_event_source *s, void *userdata)
{
        connection_settle(userdata);
        return 0;
}

static int on_connect_timeout(sd_event_source *s, uint64_t usec, void *userdata)
{
        RedisConnection *c = userdata;

        if (!c->open)
                redis_connection_break(c, "it did not accept the connection in time");
        return 0;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        RedisConnection *c = userdata;

        c->depth++;
        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR) && c->events & EPOLLIN)
                redisAsyncHandleRead(c->context);
        /* Reading may have ended the connection. */
        if (c->context && revents & (EPOLLOUT | EPOLLHUP | EPOLLERR) && c->events & EPOLLOUT)
                redisAsyncHandleWrite(c->context);
        c->depth--;
        connection_settle(c);
        return 0;
}

/* Splits "host:port" or "[host]:port" in place. */
static int split_host_port(char *address, const char **ret_host, unsigned *ret_port)
{
        char *colon = strrchr(address, ':');
        struct in6_addr in;
        unsigned port;

        if (!colon || parse_unsigned(colon + 1, &port) < 0 || port == 0 || port > 65535)
                return -EINVAL;
        *colon = '\0';
        if (address[0] == '[') {
                if (colon[-1] != ']')
                        return -EINVAL;
                colon[-1] = '\0';
                address++;
        }
        if (streq(address, "localhost"))
                *ret_host = "127.0.0.1";
        else if (inet_pton(AF_INET, address, &in) == 1 || inet_pton(AF_INET6, address, &in) == 1)
                *ret_host = address;
        else
                return -EINVAL;
        *ret_port = port;
        return 0;
}

static bool is_socket_path(const char *address)
{
        return address[0] == '/' && strlen(address) < sizeof(((struct sockaddr_un *) NULL)->sun_path);
}

bool redis_address_is_valid(const char *address)
{
        _cleanup_free_ char *copy = strdup(address);
        const char *host;
        unsigned port;

        return copy && (is_socket_path(address) || split_host_port(copy, &host, &port) >= 0);
}

static int context_new(const char *address, redisAsyncContext **ret)
{
        _cleanup_free_ char *copy = NULL;
        redisAsyncContext *context;
        const char *host;
        unsigned port;
        int r;

        if (address[0] == '/') {
                if (!is_socket_path(address))
                        return -ENAMETOOLONG;
                context = redisAsyncConnectUnix(address);
        } else {
                copy = strdup(address);
                if (!copy)
                        return -ENOMEM;
                r = split_host_port(copy, &host, &port);
                if (r < 0)
                        return r;
                context = redisAsyncConnect(host, (int) port);
        }
        if (!context)
                return -ENOMEM;
        *ret = context;
        return 0;
}

static int connection_attach(RedisConnection *c, sd_event *event, redisAsyncContext *context)
{
        int r;

        if (fcntl(context->c.fd, F_SETFD, FD_CLOEXEC) < 0)
                return -errno;
        r = sd_event_add_io(event, &c->io, context->c.fd, EPOLLOUT, on_io, c);
        if (r < 0)
                return r;
        c->events = EPOLLOUT;
        context->data = context->ev.data = c;
        context->ev.addRead = hook_add_read;
        context->ev.delRead = hook_del_read;
        context->ev.addWrite = hook_add_write;
        context->ev.delWrite = hook_del_write;
        context->ev.cleanup = hook_cleanup;
        c->context = context;
        return redisAsyncSetConnectCallback(context, hook_connected) == REDIS_OK ? 0 : -EINVAL;
}

static int connection_connect(RedisConnection *c, sd_event *event, const char *address)
{
        redisAsyncContext *context = NULL;
        int r;

        r = context_new(address, &context);
        if (r < 0)
                return r;
        if (context->err) {
                set_reason(c, context->errstr);
                redisAsyncFree(context);
                schedule_settle(c);
                return 0;
        }
        r = connection_attach(c, event, context);
        if (r < 0 && !c->context)
                redisAsyncFree(context);
        return r;
}

int redis_connection_new(sd_event *event, const char *address, uint64_t connect_timeout_usec,
                RedisConnectedHandler on_connected, RedisLostHandler on_lost, void *userdata,
                RedisConnection **ret)
{
        _cleanup_(redis_connection_freep) RedisConnection *c = new0(RedisConnection, 1);
        int r;

        if (!c)
                return -ENOMEM;
        TAILQ_INIT(&c->calls);
        c->on_connected = on_connected;
        c->on_lost = on_lost;
        c->userdata = userdata;
        r = sd_event_add_defer(event, &c->settle_source, on_settle, c);
        if (r >= 0)
                r = sd_event_source_set_enabled(c->settle_source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &c->connect_timer, CLOCK_MONOTONIC,
                                connect_timeout_usec, USEC_PER_MSEC, on_connect_timeout, c);
        if (r >= 0)
                r = connection_connect(c, event, address);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

RedisConnection *redis_connection_free(RedisConnection *c)
{
        RedisCall *call;

        if (!c)
                return NULL;
        c->dead = true;
        c->open = false;
        while ((call = TAILQ_FIRST(&c->calls)))
                call_detach(call);
        if (c->depth == 0)
                connection_destroy(c);
        return NULL;
}

void redis_connection_break(RedisConnection *c, const char *reason)
{
        if (c->dead || c->breaking)
                return;
        set_reason(c, reason);
        c->breaking = true;
        c->open = false;
        schedule_settle(c);
}

bool redis_connection_is_open(RedisConnection *c)
{
        return c && c->open;
}

int redis_connection_command(RedisConnection *c, size_t n, const char *const *words, const size_t *lengths,
                RedisReplyHandler handler, void *userdata, Pending **ret_pending)
{
        RedisCall *call;

        if (!c->open || n > INT_MAX)
                return -ENOTCONN;
        call = new0(RedisCall, 1);
        if (!call)
                return -ENOMEM;
        *call = (RedisCall){
                .pending.cancel = call_cancel,
                .connection = c,
                .handler = handler,
                .userdata = userdata,
        };
        TAILQ_INSERT_TAIL(&c->calls, call, calls);
        if (redisAsyncCommandArgv(c->context, hook_reply, call, (int) n, (const char **) words, lengths) !=
                        REDIS_OK) {
                call_free(call);
                return -ENOMEM;
        }
        if (ret_pending)
                *ret_pending = &call->pending;
        return 0;
}
