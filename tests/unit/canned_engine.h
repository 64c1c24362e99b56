/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

/*
 * An engine in the test's own loop, on a unix socket: it speaks as much of the Engine API as our client asks for, has
 * room for one container, network, volume and image, and never fails. All that it says is true and in order.
 */

typedef struct CannedThing {
        char *body; /* JSON that it was made from; NULL where it is not there */
        bool started;
        unsigned n_made, n_removed;
} CannedThing;

typedef struct CannedEngine {
        char folder[32], path[64];
        sd_event *event;
        int fd;
        sd_event_source *source;
        CannedThing container, network, volume;
        bool image;
        bool joined; /* the container, to its second network */
        struct CannedConnection *connections;
        unsigned n_requests;
} CannedEngine;

/* Listens; the path is that of its socket. */
void canned_engine_open(CannedEngine *e, sd_event *event);
void canned_engine_close(CannedEngine *e);

/* Has it, made from that JSON, or has it not: NULL. */
void canned_thing_set(CannedThing *thing, const char *body);
