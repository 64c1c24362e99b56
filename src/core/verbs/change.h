/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"
#include "core/registry/context.h"
#include "core/verbs/request.h"

/*
 * A write to the store on behalf of a request. It goes on when the request goes away; what follows from it happens
 * when the store has it.
 */
typedef struct Change Change;

/* The store has answered: 0 or negative errno with a reason. request is NULL where its caller has gone. */
typedef void (*ChangeDone)(Manager *manager, Request *request, int error, const char *reason, void *payload);

/*
 * Sends the writes. payload is taken over in any case and freed after done by payload_free (NULL: it is not owned).
 * -ENOTCONN, -EBUSY: the store does not take it now; -ENOMEM.
 */
int change_begin(Request *request, const StoreWrite *writes, size_t n, ChangeDone done, void *payload,
                void (*payload_free)(void *payload));

/* Ends the request because the store did not take something: "the change, so nothing was changed". reason, why not,
 * may be NULL. */
void change_refused(Request *request, const char *what, const char *reason);

/* The same for a change. */
void change_fail(Request *request, const char *reason);

/* Drops what is under way; for the manager's end. */
Change *change_free(Change *change);
