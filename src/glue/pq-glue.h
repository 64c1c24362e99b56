/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "basic/pending.h"

/* Where to log in, and as whom. */
typedef struct PqLogin {
        const char *address; /* numeric, so that nothing is looked up */
        uint16_t port;
        const char *database, *user, *password;
} PqLogin;

/*
 * How it ended; reason and text are valid during the call.
 *  0              text is the first row's first column, NULL where there is none
 *  -ECONNREFUSED  no connection came about, or the server refused the login; reason has its words
 *  -ECONNRESET    the connection broke afterwards
 *  -EBADMSG       the server refused the query; reason has its words
 *  -ETIMEDOUT     the deadline passed; reason names what was being waited for
 *  -ENOMEM, or what sd-event said
 */
typedef void (*PqDone)(int error, const char *reason, const char *text, void *userdata);

/*
 * Logs in over TCP (no TLS, nothing taken from password or service files), runs one query and closes the connection.
 * Nothing blocks. All arguments are copied. Follows basic/pending.h. 0, -ENOMEM or what sd-event said.
 */
int pq_query(sd_event *event, const PqLogin *login, const char *query, uint64_t timeout_usec, PqDone done,
                void *userdata, Pending **ret_pending);
