/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/queue.h>

#include "glue/redis-glue.h"
#include "store/job-entries.h"
#include "store/store.h"

#define COMMITS_MAX     1024
#define WRITES_MAX      8192
#define RECORD_SIZE_MAX (1024U * 1024)

typedef struct StoreCommit StoreCommit;
typedef struct StoreLoad StoreLoad;

struct Store {
        StorePort port;
        sd_event *event;
        char *address, *name; /* ours among Redis' clients */
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
        ConnectedHandler on_connected;
        void *userdata;
};

/* The words before the id in a record's key: "product:". */
const char *store_prefix(StoreKind kind);

/* The errno of store.h for an error reply's text. */
int store_error(const char *text);

/* "what: text", where text may be Redis' own words: what a caller is told is valid UTF-8. NULL when out of memory. */
char *store_reason(const char *what, const char *text);

/* Sends a command of at most 16 strings, NULL-terminated. As redis_connection_command(). */
int store_send(Store *s, const char *const *words, RedisReplyHandler handler, void *userdata,
                Pending **ret_pending);

/* Gives the connection up where text says that Redis is not ready for anybody, or takes no writes: the set-up of a
 * new connection writes, and so finds out when it does again. */
void store_check_readiness(Store *s, const char *text);

/* store-fence.c: ends the connections before this one, then calls store_setup_start(). */
int store_fence_start(Store *s);
int store_fence_name(const char *deployment, char **ret);

/* store-setup.c: reads the job stream, then calls store_connected(). */
void store_setup_start(Store *s);
int store_create_group(Store *s, RedisReplyHandler handler, void *userdata);
void store_connected(Store *s);
/* Takes an entry that stands for no work out of the stream, and forgets it. 0, or what sending answered; it is found
 * again with the next connection where Redis did not get to it. */
int store_drop_entry(Store *s, const JobEntry *entry);

/* store-commit.c */
int store_commit(StorePort *port, const StoreWrite *writes, size_t n, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending);
void store_commits_drop(Store *s);

/* store-load.c */
int store_load(StorePort *port, uint64_t timeout_usec, StoreRecordHandler on_record, PortDone done,
                void *userdata, Pending **ret_pending);
void store_load_drop(Store *s);
