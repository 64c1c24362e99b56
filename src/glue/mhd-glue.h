/* SPDX-License-Identifier: MIT */
#pragma once

#include <microhttpd.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "basic/macro.h"

/*
 * libmicrohttpd on an sd-event loop: one MhdGlue serves one listening socket. It hides the library's rules about
 * suspending, resuming and when an answer may be queued, and bounds what a client can hold: the number of
 * connections, their memory, their idle time, and the time a request may take to arrive and its answer to leave.
 */
typedef struct MhdGlue MhdGlue;
typedef struct MhdConnection MhdConnection;

/* One request on a connection. The members are for reading. */
typedef struct MhdExchange {
        MhdGlue *glue;
        struct MHD_Connection *connection;
        char method[16]; /* cut off where it is longer: no method that is known is */
        char *target; /* as it came on the request line, query included */
        char *body; /* with a NUL after it; NULL where there is none */
        size_t n_body;
        void *userdata; /* the owner's; NULL at first */

        /* The glue's own. */
        int stage;
        size_t n_capacity, n_discarded;
        bool too_large, suspended, gone;
        unsigned status;
        struct MHD_Response *response;
        ssize_t (*fill)(struct MhdExchange *exchange, char *buffer, size_t max, void *userdata);
        void *fill_userdata;
        sd_event_source *hangup;
        LIST_ENTRY(MhdExchange) list;
} MhdExchange;

/* Called from the loop; userdata is the one given to mhd_glue_new(). */
typedef struct MhdHandlers {
        /* The head is here. May answer at once; the body is then thrown away as it comes. */
        void (*on_head)(MhdExchange *exchange, void *userdata);
        /* The whole request is here and nobody has answered. May answer now, or at any time later. */
        void (*on_request)(MhdExchange *exchange, void *userdata);
        /* In place of on_request, where the body is over the limit. Must answer. */
        void (*on_too_large)(MhdExchange *exchange, void *userdata);
        /* The exchange ends, answered or not (the client may have gone away): forget it. */
        void (*on_end)(MhdExchange *exchange, void *userdata);
} MhdHandlers;

typedef struct MhdLimits {
        unsigned connections;
        unsigned idle_s; /* without a byte in either direction */
        size_t memory; /* bytes a connection, for its head and buffers */
        size_t body; /* bytes */
        uint64_t transfer_usec; /* for a whole request to arrive, counted from the end of the one before; and for
                                 * an answer to leave */
        uint64_t stream_usec; /* for a streamed answer to leave */
} MhdLimits;

/* Serves fd, a listening socket (unix or TCP); takes it over on success. */
int mhd_glue_new(sd_event *event, int fd, const MhdLimits *limits, const MhdHandlers *handlers,
                void *userdata, MhdGlue **ret);

/*
 * Accepts nothing more, and hears out those whose connection was accepted and whose request is still on its way, for a
 * tenth of a second at most. Outside of the event loop, as the last thing before mhd_glue_free(). The listening socket
 * stays open till then.
 */
void mhd_glue_drain(MhdGlue *glue);

/* Stops serving: answers that are there are sent as far as they go at once, all other exchanges end. */
MhdGlue *mhd_glue_free(MhdGlue *glue);
DEFINE_CLEANUP_FUNC(MhdGlue, mhd_glue_free);

/* Answers. Takes response over; NULL closes the connection without a word. Only the first answer counts. */
void mhd_exchange_reply(MhdExchange *exchange, unsigned status, struct MHD_Response *response);

/* True once it has been answered. */
bool mhd_exchange_is_answered(const MhdExchange *exchange);

/* The value of a header that came exactly once. -ENOENT where it did not come, -ENOTUNIQ where it came again. */
int mhd_exchange_header(MhdExchange *exchange, const char *name, const char **ret);

/*
 * Makes a response whose body is written as it goes. fill writes up to max bytes into buffer and answers their
 * number, 0 where there is nothing for now, or -1 at the end. After a 0 it is called again once
 * mhd_exchange_wake() was. NULL when out of memory.
 */
struct MHD_Response *mhd_exchange_stream(MhdExchange *exchange,
                ssize_t (*fill)(MhdExchange *exchange, char *buffer, size_t max, void *userdata),
                void *userdata);
void mhd_exchange_wake(MhdExchange *exchange);
