/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "core/ports.h"
#include "engine/client.h"

/*
 * One call on the engine: a few HTTP requests one after the other, with pauses where something has to be waited
 * for, under one deadline. An operation embeds a task, begins with a request and goes on from step to step; each
 * step asks for the next request, pauses, begins again, or ends the task.
 *
 * The version of the API is asked for first where it is not known yet. Whatever is not an answer of the engine (no
 * connection, no time left, nonsense) ends the task by itself, so that steps see the engine's answers only.
 */
typedef struct EngineTask EngineTask;

typedef struct EngineReply {
        int error; /* 0, or the status' errno (engine_error_of_status()) */
        long status;
        const char *message; /* the engine's reason of a failure, one line of valid UTF-8; else "" */
        struct json_object *json; /* NULL where there is none */
} EngineReply;

typedef void (*EngineStep)(EngineTask *t, const EngineReply *reply);
typedef void (*EngineResume)(EngineTask *t);
/* How a task ends: calls the user's callback. error and reason as PortDone has them. */
typedef void (*EngineEnd)(EngineTask *t, int error, const char *reason);

/* A kind of operation. */
typedef struct EngineTaskClass {
        size_t size; /* of its structure, ENGINE_TASK_SIZE() */
        const char *about; /* "container": what it works on, for reasons */
        bool any_name; /* its name, if it has one, is not that of a container, network or volume */
        /* Looks elsewhere for what a reply says is missing: true where it has taken the reply over, and the step waits.
         * NULL: replies go to the step. */
        bool (*search)(EngineTask *t, const EngineReply *reply);
        bool renames; /* what is found so is given its name back */
        int (*begin)(EngineTask *t); /* asks the first thing; 0 or negative errno */
        EngineEnd end; /* NULL: calls done as a PortDone */
        void (*release)(EngineTask *t); /* frees what its structure has beyond the task; NULL: nothing */
} EngineTaskClass;

/* The size of a structure whose first member is the task. */
#define ENGINE_TASK_SIZE(type) (sizeof(type) + sizeof(char[offsetof(type, task) == 0 ? 1 : -1]) - 1)

struct EngineTask {
        Pending pending;
        EngineClient *client;
        const EngineTaskClass *class;
        char *name; /* of what it works on; NULL where it has none */
        struct json_object *wanted; /* what is to be created, as it is sent; NULL where nothing is */
        uint64_t deadline; /* CLOCK_MONOTONIC */
        unsigned attempts;

        PortDone done; /* of classes without an end of their own */
        void *userdata;

        Pending *child; /* the transfer or the other task that is waited for */
        sd_event_source *timer; /* the pause */
        EngineResume resume;
        const char *late; /* how it fails when the deadline ends a wait */

        /* The request that is under way, or waits for the version. */
        const char *method;
        char *path, *body;
        size_t body_size;
        bool is_archive; /* the body, and not JSON */
        EngineStep step;
        CurlData on_data; /* set before a request to have its 2xx reply streamed; userdata is the task */
        size_t reply_max; /* set before a request for other than ENGINE_REPLY_MAX */
        bool searched; /* the class' search has looked for it */
        EngineStep missed; /* … and this step is told where it was not found */
        bool fresh; /* set before a request that must not go to an engine that is shutting down */
};

/* Makes a task, with what its structure has beyond it zeroed. 0, -EINVAL for a name that the engine would not take, or
 * -ENOMEM. */
int engine_task_new(const EngineTaskClass *class, EngineClient *client, const char *name,
                uint64_t timeout_usec, PortDone done, void *userdata, EngineTask **ret);

/* Begins it; frees it where that fails, and where r, what came of filling it in, is negative. */
int engine_task_start(EngineTask *t, int r, Pending **ret_pending);

/* Frees the task and its structure without calling back. NULL is accepted and answered. */
EngineTask *engine_task_free(EngineTask *t);
DEFINE_CLEANUP_FUNC(EngineTask, engine_task_free);

/* Begins again, for a step or after a pause. */
void engine_task_again(EngineTask *t);

/* The end of a task within a task, which is userdata: that ends where this failed, and begins again otherwise. */
void engine_task_child_ended(int error, const char *reason, void *userdata);

/*
 * Starts a request; step is called with the answer. path follows "/v1.x"; method is a literal; body may be NULL.
 * 0 or negative errno, which the first one's caller returns and a step gives to engine_task_check().
 */
int engine_task_request(EngineTask *t, const char *method, struct json_object *body, EngineStep step,
                const char *path_format, ...) _printf_(5, 6);

/* The same of a PUT whose body is a tar archive. */
int engine_task_upload(EngineTask *t, const char *archive, size_t size, EngineStep step,
                const char *path_format, ...) _printf_(5, 6);

/* Goes on after a pause that doubles with every attempt, from 20 ms to 1 s. -ETIMEDOUT where the deadline would
 * pass before. */
int engine_task_pause(EngineTask *t, EngineResume resume);

/* Waits for something that will end the task, until the deadline, which then ends it with that. */
int engine_task_wait(EngineTask *t, const char *failed);

/* What is left until the deadline, in microseconds; for tasks within tasks. */
uint64_t engine_task_left(const EngineTask *t);

/* Ends the task: calls back, then frees it. */
void engine_task_end(EngineTask *t, int error, const char *reason);
/* Ends it with "<what> <failed>: <the engine's reason>". */
void engine_task_fail(EngineTask *t, int error, const char *failed, const char *message);
/* Ends it where r is negative, a failure of ours. */
void engine_task_check(EngineTask *t, int r);

typedef enum EngineFound {
        ENGINE_FOUND_FAILURE, /* or what is not ours to touch: the task has ended */
        ENGINE_FOUND_NOTHING,
        ENGINE_FOUND_OURS, /* this deployment's and, where something is to be created, that instance's */
} EngineFound;

/* What an inspection found. */
EngineFound engine_task_found(EngineTask *t, const EngineReply *reply);

/* The same where nothing is to be done about nothing: the task ends well, and true is answered for ours only. */
bool engine_task_found_ours(EngineTask *t, const EngineReply *reply);
