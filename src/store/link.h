/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/queue.h>

#include "core/ports.h"
#include "glue/redis-glue.h"
#include "store/job-entries.h"

/*
 * What all of the store stands on: the connection, what is known of Redis, and how commands are sent. store/store.h makes
 * it, keeps it connected and frees it.
 */
typedef struct Store Store;
typedef struct StoreCommit StoreCommit;
typedef struct StoreLoad StoreLoad;

struct Store {
        StorePort port;
        sd_event *event;
        char *address, *name; /* ours among Redis' clients */
        char *generation_key;
        RedisConnection *connection;
        sd_event_source *retry_timer, *setup_timer, *ping_timer;
        uint64_t retry_usec; /* wait before the next attempt */
        bool connected; /* and set up */
        bool failure_logged; /* since it was last connected */
        bool unfenced_logged;
        bool ping_unanswered;
        JobEntries jobs; /* what the stream holds for us */
        JobEntries setup_jobs; /* as read so far while setting up */
        bool setup_new; /* past those that were claimed before */
        unsigned n_commits;
        TAILQ_HEAD(, StoreCommit) commits;
        StoreLoad *load; /* one at a time */
        void (*on_fenced)(Store *s); /* no connection before this one can change anything any more */
        void (*on_set_up)(Store *s); /* jobs are known */
        ConnectedHandler on_connected;
        StoreGenerationHandler on_generation;
        void *userdata;
};

/* The words before the id in a record's key: "product:". */
const char *store_prefix(StoreKind kind);

/* The errno of store.h for an error reply's text. */
int store_error(const char *text);

/* "what: text", where text may be Redis' own words: what a caller is told is valid UTF-8. A new string; NULL when out of
 * memory. */
char *store_reason(const char *what, const char *text);

/* Whether Redis can be asked: there is a connection, and it is set up. */
bool store_is_connected(const Store *s);

/* Sends a command of at most 16 strings, NULL-terminated; -E2BIG for more. As redis_connection_command(). */
int store_send(Store *s, const char *const *words, RedisReplyHandler handler, void *userdata,
                Pending **ret_pending);

/* Gives the connection up where text, an error reply's, says that Redis is not ready for anybody, or takes no writes: the
 * set-up of a new connection writes, and so finds out when it does again. */
void store_check_readiness(Store *s, const char *text);
