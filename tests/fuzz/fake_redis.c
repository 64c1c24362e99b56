/* SPDX-License-Identifier: MIT */
#include "fake_redis.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "basic/string-util.h"
#include "hurried_clock.h"

#define DEPTH_MAX    6U
#define ELEMENTS_MAX 4096U
#define REPLY_USEC   UINT64_C(2000)

typedef struct Command {
        Pending pending;
        RedisConnection *connection; /* NULL: nobody waits for it, and it is answered all the same */
        RedisReplyHandler handler;
        void *userdata;
        TAILQ_ENTRY(Command) commands;
} Command;

struct RedisConnection {
        sd_event_source *turn;
        bool open, breaking, dead, busy, silent;
        char *reason;
        TAILQ_HEAD(, Command) commands;
        RedisConnectedHandler on_connected;
        RedisLostHandler on_lost;
        void *userdata;
};

FakeRedis fake_redis;

void fake_redis_begin(const char *input, size_t n)
{
        fake_redis = (FakeRedis){ .input = input, .end = input + n };
}

/* ---- Replies ----------------------------------------------------------------------------------------------- */

static redisReply *reply_free(redisReply *reply)
{
        for (size_t i = 0; i < reply->elements; i++)
                reply_free(reply->element[i]);
        free(reply->element);
        free(reply->str);
        return mfree(reply);
}

/* The rest of a line, and past it. */
static void take_text(redisReply *reply)
{
        const char *p = fake_redis.input, *stop = memchr(p, '\n', (size_t) (fake_redis.end - p));
        size_t n = (size_t) ((stop ? stop : fake_redis.end) - p);

        reply->str = calloc(1, n + 1);
        assert(reply->str);
        memcpy(reply->str, p, n);
        reply->len = n;
        fake_redis.input = stop ? stop + 1 : fake_redis.end;
}

/* What may have lines of its own: its text is the number of bytes that follow. */
static void take_bytes(redisReply *reply)
{
        size_t n = (size_t) strtoul(reply->str, NULL, 10),
               left = (size_t) (fake_redis.end - fake_redis.input);

        n = n < left ? n : left;
        free(reply->str);
        reply->str = calloc(1, n + 1);
        assert(reply->str);
        memcpy(reply->str, fake_redis.input, n);
        reply->len = n;
        fake_redis.input += n;
}

static redisReply *take_reply(unsigned depth);

static void take_elements(redisReply *reply, unsigned depth)
{
        size_t n = (size_t) strtoul(reply->str, NULL, 10);

        reply->str = mfree(reply->str);
        reply->len = 0;
        if (n > ELEMENTS_MAX)
                n = ELEMENTS_MAX;
        reply->element = new0(redisReply *, n + 1);
        assert(reply->element);
        while (reply->elements < n && fake_redis.input < fake_redis.end)
                reply->element[reply->elements++] = take_reply(depth + 1);
}

static redisReply *take_reply(unsigned depth)
{
        redisReply *reply = new0(redisReply, 1);
        char type = *fake_redis.input++;

        assert(reply);
        reply->type = REDIS_REPLY_NIL;
        take_text(reply);
        if (type == '*' && depth < DEPTH_MAX) {
                reply->type = REDIS_REPLY_ARRAY;
                take_elements(reply, depth);
        } else if (type == '$' || type == '=') {
                reply->type = REDIS_REPLY_STRING;
                if (type == '=')
                        take_bytes(reply);
        } else if (type == '+')
                reply->type = REDIS_REPLY_STATUS;
        else if (type == '-')
                reply->type = REDIS_REPLY_ERROR;
        else {
                reply->type = type == ':' ? REDIS_REPLY_INTEGER : REDIS_REPLY_NIL;
                reply->integer = type == ':' ? strtoll(reply->str, NULL, 10) : 0;
                reply->str = mfree(reply->str);
                reply->len = 0;
        }
        return reply;
}

/* ---- Commands ---------------------------------------------------------------------------------------------- */

static void command_free(Command *command)
{
        if (command->connection)
                TAILQ_REMOVE(&command->connection->commands, command, commands);
        free(command);
}

static void on_cancel(Pending *pending)
{
        Command *command = container_of(pending, Command, pending);

        assert(command->handler);
        command->handler = NULL;
}

static void wake(RedisConnection *c)
{
        int r;

        r = sd_event_source_set_enabled(c->turn, SD_EVENT_ONESHOT);
        assert(r >= 0);
}

static void answer(Command *command)
{
        RedisReplyHandler handler = command->handler;
        redisReply *reply = take_reply(0);
        void *userdata = command->userdata;

        fake_redis.n_told++;
        command_free(command);
        if (handler)
                handler(0, reply, userdata);
        (void) reply_free(reply);
}

int redis_connection_command(RedisConnection *c, size_t n, const char *const *words, const size_t *lengths,
                RedisReplyHandler handler, void *userdata, Pending **ret_pending)
{
        Command *command;

        for (size_t i = 0; i < n; i++)
                assert(words[i]);
        if (!redis_connection_is_open(c))
                return -ENOTCONN;
        command = new0(Command, 1);
        assert(command && n > 0);
        command->pending.cancel = on_cancel;
        command->connection = c;
        command->handler = handler;
        command->userdata = userdata;
        TAILQ_INSERT_TAIL(&c->commands, command, commands);
        if (!c->silent)
                wake(c);
        if (ret_pending)
                *ret_pending = &command->pending;
        return 0;
}

/* ---- Connections ------------------------------------------------------------------------------------------- */

bool redis_address_is_valid(const char *address)
{
        return true;
}

static void connection_destroy(RedisConnection *c)
{
        Command *command;

        while ((command = TAILQ_FIRST(&c->commands)))
                command_free(command);
        (void) sd_event_source_disable_unref(c->turn);
        free(c->reason);
        free(c);
        fake_redis.n_live--;
}

/* c may be freed by it. */
static void lose(RedisConnection *c)
{
        Command *command;

        c->open = false;
        c->breaking = true;
        while (!c->dead && (command = TAILQ_FIRST(&c->commands))) {
                RedisReplyHandler handler = command->handler;
                void *userdata = command->userdata;

                command_free(command);
                if (handler)
                        handler(-ENOTCONN, NULL, userdata);
        }
        if (!c->dead)
                c->on_lost(c->reason ? c->reason : "the connection ended", c->userdata);
}

static void reply_or_lose(RedisConnection *c)
{
        Command *command = TAILQ_FIRST(&c->commands);

        if (fake_redis.input == fake_redis.end || *fake_redis.input == '!') {
                fake_redis.input += fake_redis.input < fake_redis.end;
                lose(c);
        } else if (*fake_redis.input == '~') {
                fake_redis.input++;
                c->silent = true;
        } else
                answer(command);
}

static void connect_or_lose(RedisConnection *c)
{
        if (fake_redis.input == fake_redis.end) {
                fake_redis.n_refused++;
                lose(c);
                return;
        }
        c->open = true;
        c->on_connected(c->userdata);
}

static int on_turn(sd_event_source *source, void *userdata)
{
        RedisConnection *c = userdata;

        c->busy = true;
        if (c->breaking)
                lose(c);
        else if (!c->open)
                connect_or_lose(c);
        else if (!TAILQ_EMPTY(&c->commands) && !c->silent) {
                hurried_pass(REPLY_USEC);
                reply_or_lose(c);
        }
        c->busy = false;
        if (c->dead)
                connection_destroy(c);
        else if (c->breaking || (!TAILQ_EMPTY(&c->commands) && !c->silent))
                wake(c);
        return 0;
}

int redis_connection_new(sd_event *event, const char *address, uint64_t connect_timeout_usec,
                RedisConnectedHandler on_connected, RedisLostHandler on_lost, void *userdata,
                RedisConnection **ret)
{
        RedisConnection *c = new0(RedisConnection, 1);
        int r;

        assert(c && on_connected && on_lost);
        TAILQ_INIT(&c->commands);
        c->on_connected = on_connected;
        c->on_lost = on_lost;
        c->userdata = userdata;
        r = sd_event_add_defer(event, &c->turn, on_turn, c);
        assert(r >= 0);
        fake_redis.n_live++;
        *ret = c;
        return 0;
}

RedisConnection *redis_connection_free(RedisConnection *c)
{
        if (!c)
                return NULL;
        c->dead = true;
        if (!c->busy)
                connection_destroy(c);
        return NULL;
}

void redis_connection_break(RedisConnection *c, const char *reason)
{
        if (!c->reason)
                c->reason = strdup(reason);
        c->open = false;
        c->breaking = true;
        wake(c);
}

bool redis_connection_is_open(RedisConnection *c)
{
        return c && c->open;
}
