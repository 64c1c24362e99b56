/* SPDX-License-Identifier: MIT */
#pragma once

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/pending.h"

/*
 * One connection to Redis by hiredis on an sd-event loop. It connects once; after it is lost, a new one is made.
 * hiredis writes without MSG_NOSIGNAL: the process ignores SIGPIPE.
 */
typedef struct RedisConnection RedisConnection;

/* Once, when the connection is made. */
typedef void (*RedisConnectedHandler)(void *userdata);

/* Once, when connecting failed or the connection is gone, after all calls under way had their -ENOTCONN. reason is
 * a sentence fragment, valid during the call. The connection may be freed in it. */
typedef void (*RedisLostHandler)(const char *reason, void *userdata);

/* The answer to one command: error 0 and the reply (an error reply of Redis' included), valid during the call; or
 * -ENOTCONN and NULL. */
typedef void (*RedisReplyHandler)(int error, const redisReply *reply, void *userdata);

/* Whether it is an address as below; that nobody may answer there is another matter. */
bool redis_address_is_valid(const char *address);

/*
 * Starts connecting to address: the path of a unix socket ("/run/redis.sock") or a numeric "host:port"
 * ("127.0.0.1:6379", "[::1]:6379", and "localhost:6379"; other names would block). Handlers are called from the loop.
 * 0, -EINVAL for an address that is neither, -ENAMETOOLONG, -ENOMEM or what sd-event said.
 */
int redis_connection_new(sd_event *event, const char *address, uint64_t connect_timeout_usec,
                RedisConnectedHandler on_connected, RedisLostHandler on_lost, void *userdata,
                RedisConnection **ret);

/* Closes and frees it at once. Calls under way are dropped; their handlers are not called. Allowed from within any of
 * its handlers. */
RedisConnection *redis_connection_free(RedisConnection *c);
DEFINE_CLEANUP_FUNC(RedisConnection, redis_connection_free);

/* Gives the connection up, from the loop's next turn: calls under way get -ENOTCONN, then on_lost has the reason. */
void redis_connection_break(RedisConnection *c, const char *reason);

/* True from on_connected until the connection is lost or given up. */
bool redis_connection_is_open(RedisConnection *c);

/*
 * Sends a command of n words, whose lengths are in lengths (NULL: they are strings). Answers come in the order of the
 * commands. handler may be NULL. ret_pending, optional, cancels the handler; the command itself was sent.
 * 0, -ENOTCONN or -ENOMEM.
 */
int redis_connection_command(RedisConnection *c, size_t n, const char *const *words, const size_t *lengths,
                RedisReplyHandler handler, void *userdata, Pending **ret_pending);
