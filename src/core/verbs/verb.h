/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"

/* The type of one argument, as JSON and D-Bus have it. */
typedef enum ArgumentType {
        ARGUMENT_STRING, /* s */
        ARGUMENT_U32, /* u; in a query string: decimal digits */
        ARGUMENT_U64, /* t; in a query string: decimal digits */
        ARGUMENT_BOOL, /* b; in a query string: true, false */
        ARGUMENT_OBJECT, /* a JSON object; on the bus a string that holds one */
} ArgumentType;

typedef enum ArgumentSource {
        ARGUMENT_BODY, /* member of the JSON body; on the bus a positional argument or an option */
        ARGUMENT_PATH, /* {name} in the HTTP path */
        ARGUMENT_QUERY, /* of the HTTP query string */
        ARGUMENT_WHOLE_BODY, /* the JSON body itself */
        ARGUMENT_HEADER, /* HTTP header named by .header; on the bus an option */
} ArgumentSource;

typedef struct Argument {
        const char *name;
        ArgumentType type;
        ArgumentSource source;
        bool required;
        size_t max_bytes; /* of a string; 0 for 256 */
        const char *header;
} Argument;

/*
 * A verb, written once: the bus and HTTP offer what this table has, with the same checks.
 */
struct Action {
        const char *name; /* as on the bus: "CreateInstance" */
        const char *polkit_action; /* NULL: open to all local users */
        Role role; /* the least that may call it over HTTP */
        const char *http_method; /* NULL: not over HTTP */
        const char *http_path; /* "/api/instances/{id}" */
        int http_status; /* of success */
        const Argument *arguments; /* ends with a NULL name; may be NULL */
        bool without_store; /* may run before the registry has been read */
        void (*run)(Request *request);
        bool needs_engine; /* is held for the engine's first answer, see dispatch.h */
        bool waits_for_job; /* answers when a job has come to its end, which may take minutes */
        bool audited; /* changes something, or gives secrets away: the journal tells who called it */
};

/* Its argument of that name; NULL where it has none. */
const Argument *action_find_argument(const Action *action, const char *name);

/* How many bytes a string argument may have. */
size_t argument_max_bytes(const Argument *argument);

/* Finds one of a table, which ends with a NULL name, by its bus name; NULL where there is none. */
const Action *action_find_in(const Action *table, const char *name);
