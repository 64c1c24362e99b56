/* SPDX-License-Identifier: MIT */
#pragma once

#include "glue/mhd-glue.h"

/* Shared by mhd-glue.c (daemon and connections) and mhd-exchange.c (requests on them). */

struct MhdConnection {
        int fd;
        bool asked; /* its first request is here */
        uint64_t deadline_usec; /* CLOCK_MONOTONIC; UINT64_MAX for none */
        LIST_ENTRY(MhdConnection) list;
};

struct MhdGlue {
        sd_event *event;
        struct MHD_Daemon *daemon;
        MhdLimits limits;
        MhdHandlers handlers;
        void *userdata;
        bool stopping, closed;
        bool changed; /* connections came or went in this run */
        int listener; /* when nothing more is accepted; else it is the daemon's and this is -1 */
        sd_event_source *io, *timer, *sweep;
        LIST_HEAD(, MhdExchange) exchanges;
        LIST_HEAD(, MhdConnection) connections;
};

/* Has the daemon run in the loop's next turn: its descriptor says nothing of connections that were resumed. */
void mhd_glue_kick(MhdGlue *glue);

/* Cuts the connection off after that time from now; UINT64_MAX for never. */
void mhd_connection_set_deadline(struct MHD_Connection *connection, uint64_t usec);

/* That a whole request has come by the connection. */
void mhd_connection_set_asked(struct MHD_Connection *connection);

/* libmicrohttpd's callbacks. */
void *mhd_exchange_on_target(void *userdata, const char *target, struct MHD_Connection *connection);
enum MHD_Result mhd_exchange_on_access(void *userdata, struct MHD_Connection *connection, const char *url,
                const char *method, const char *version, const char *data, size_t *n_data, void **cls);
void mhd_exchange_on_completed(void *userdata, struct MHD_Connection *connection, void **cls,
                enum MHD_RequestTerminationCode code);

void mhd_exchange_resume(MhdExchange *exchange);
