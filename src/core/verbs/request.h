/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <stdint.h>
#include <sys/queue.h>

#include "basic/pending.h"

typedef struct Action Action;
typedef struct Manager Manager;
typedef struct Request Request;

/* Who may call an action. Each role may do what those before it may. */
typedef enum Role {
        ROLE_NONE, /* nothing */
        ROLE_VISITOR, /* the public listener */
        ROLE_LOCAL, /* any user of this host, on the bus: reads */
        ROLE_OPERATOR, /* an admin */
} Role;

/* Who is calling, as auth/ found out. */
typedef struct Caller {
        Role role;
        char *identity; /* for quotas and the audit trail: "uid:0", "token", "tailnet:alice@example.com", "addr:100.64.0.7" */
        char *origin; /* from where, for the audit trail: "bus", "local", "admin 100.64.0.7"; NULL where nobody knows */
        bool unlimited; /* quotas do not count: operators, loopback */
} Caller;

void caller_done(Caller *caller);

/* Why a request failed: what each transport turns into its own errors. */
typedef enum Fault {
        FAULT_NONE,
        FAULT_INVALID_ARGUMENT, /* 400, Error.InvalidArgument */
        FAULT_UNAUTHENTICATED, /* 401 */
        FAULT_ACCESS_DENIED, /* 403, org.freedesktop.DBus.Error.AccessDenied */
        FAULT_NO_SUCH_PRODUCT, /* 404, Error.NoSuchProduct */
        FAULT_NO_SUCH_INSTANCE, /* 404, Error.NoSuchInstance */
        FAULT_IN_USE, /* 409, Error.InUse */
        FAULT_CONFLICT, /* 409, Error.Failed */
        FAULT_QUOTA_EXCEEDED, /* 429, Error.QuotaExceeded */
        FAULT_ENGINE_UNAVAILABLE, /* 503, Error.EngineUnavailable */
        FAULT_STORE_UNAVAILABLE, /* 503, Error.StoreUnavailable */
        FAULT_NOT_ISOLATED, /* 503, Error.NotIsolated */
        FAULT_QUEUE_FULL, /* 503, Error.Failed */
        FAULT_HOST_FULL, /* 503, Error.HostFull */
        FAULT_FAILED, /* 500, Error.Failed */
        _FAULT_MAX,
} Fault;

/* The end of a request. On success fault is FAULT_NONE and result the answer (owned by the request, may be NULL
 * for none). Called exactly once, from the loop, unless the request was cancelled. */
typedef void (*RequestDone)(Request *request, void *userdata);

/*
 * One call of a verb, whatever it came in by. Transports fill in caller and arguments, hand it to
 * request_dispatch() and read fault or result in the completion.
 */
struct Request {
        Manager *manager;
        const Action *action;
        Caller caller;
        struct json_object *arguments; /* an object, by argument name */

        Fault fault;
        char *field; /* the argument at fault, or NULL */
        char *reason; /* a sentence: what happened and what to do next */
        unsigned retry_after_s; /* with 503 and 429; 0 for none */
        struct json_object *result;
        bool created; /* the answer is about something new that is there already: HTTP 201 */

        bool whole; /* lists are wanted whole, not by pages */

        RequestDone done;
        void *userdata;

        /* While it runs: what the action waits for. state is freed by state_free when the request ends or dies. */
        bool dispatched; /* its arguments were found right and it was begun */
        bool finished;
        bool held; /* waits in the manager's list (hold.h) */
        TAILQ_ENTRY(Request) held_list;
        void (*go_on)(Request *request); /* once it need not any more */
        Pending *pending;
        void *state;
        void (*state_free)(void *state);
        struct sd_event_source *completion;
};

/* A new request. Takes caller's content and arguments over (arguments NULL: none). NULL when out of memory: then
 * both have been freed. */
Request *request_new(Manager *manager, const Action *action, Caller *caller, struct json_object *arguments,
                RequestDone done, void *userdata);

/* Frees it, cancelling what it waits for; jobs it has started go on. The completion is not called. */
Request *request_free(Request *request);
DEFINE_CLEANUP_FUNC(Request, request_free);

/* For actions: ends the request. Each may be called from anywhere, once; the completion comes from the loop. */
void request_succeed(Request *request, struct json_object *result); /* takes result over */
void request_fail(Request *request, Fault fault, const char *field, const char *format, ...) _printf_(4, 5);
void request_fail_errno(Request *request, int error, const char *what);

/* Takes a request that is held (hold.h) out of the list. */
void request_let_go(Request *request);
