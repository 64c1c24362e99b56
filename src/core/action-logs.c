/* SPDX-License-Identifier: MIT */

/* What an instance's containers have written, both in the order of time. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/action-run.h"
#include "core/manager-internal.h"
#include "core/names.h"

#define LINES_DEFAULT     100
#define LINES_MAX         1000
#define LOGS_TIMEOUT_USEC (20 * USEC_PER_SEC)

/* 2026-11-24T14:53:18.000000000Z: as wide for every line, so that text compares as time does. */
#define STAMP_LENGTH 30

typedef struct Logs {
        Request *request;
        char *id, *database; /* the containers'; the second is NULL where there is none */
        char *cursor; /* the time of the last line that the caller has, or NULL */
        char since[48];
        unsigned lines;
        char **collected; /* "TIME SOURCE TEXT" */
} Logs;

static void logs_free(void *state)
{
        Logs *logs = state;

        strv_free(logs->collected);
        free(logs->id);
        free(logs->database);
        free(logs->cursor);
        free(logs);
}

static int compare_lines(const void *a, const void *b)
{
        return strncmp(*(char *const *) a, *(char *const *) b, STAMP_LENGTH);
}

static int logs_to_json(Logs *logs, struct json_object *result)
{
        size_t n = logs->collected ? strv_length(logs->collected) : 0,
               first = n > logs->lines ? n - logs->lines : 0;
        struct json_object *lines = json_object_new_array();
        int r;

        r = json_set(result, "lines", lines);
        for (size_t i = first; r >= 0 && i < n; i++)
                r = json_append(lines, json_object_new_string(logs->collected[i]));
        if (r < 0)
                return r;
        if (n == 0)
                return json_set_string(result, "cursor", strempty(logs->cursor));
        return json_set(result, "cursor", json_object_new_string_len(logs->collected[n - 1], STAMP_LENGTH));
}

static void logs_finish(Logs *logs)
{
        Request *request = logs->request;
        struct json_object *result = json_object_new_object();
        int r;

        if (logs->collected)
                qsort(logs->collected, strv_length(logs->collected), sizeof(char *), compare_lines);
        r = result ? logs_to_json(logs, result) : -ENOMEM;
        if (r >= 0)
                request_succeed(request, result);
        else {
                json_object_put(result);
                request_fail_errno(request, r, "The logs cannot be shown");
        }
}

static int logs_add(Logs *logs, const Instance *i, const char *source, const char *line)
{
        _cleanup_free_ char *text = NULL, *clean = NULL;

        if (strlen(line) <= STAMP_LENGTH || line[STAMP_LENGTH] != ' ')
                return 0; /* not a line with its time: the rest of one that was cut */
        if (logs->cursor && strncmp(line, logs->cursor, STAMP_LENGTH) <= 0)
                return 0; /* the caller has it */
        text = str_printf("%.*s %s %s", STAMP_LENGTH, line, source, line + STAMP_LENGTH + 1);
        clean = text ? instance_redact(i, text) : NULL;
        return clean ? strv_extend(&logs->collected, clean) : -ENOMEM;
}

/* Answers whether to go on. */
static bool logs_take(Logs *logs, const char *source, int error, const char *reason, const char *text)
{
        Instance *i = manager_get_instance(logs->request->manager, logs->id);
        _cleanup_(strv_freep) char **lines = NULL;
        int r;

        if (error == -ENOENT || !i)
                return true;
        if (error < 0) {
                request_fail(logs->request, error == -ENOTCONN ? FAULT_ENGINE_UNAVAILABLE : FAULT_FAILED,
                                NULL, "The logs cannot be read: %s", strempty(reason));
                return false;
        }
        r = strv_split(text, "\n", &lines);
        for (char **line = lines; r >= 0 && line && *line; line++)
                r = logs_add(logs, i, source, *line);
        if (r < 0)
                request_fail_errno(logs->request, r, "The logs cannot be shown");
        return r >= 0;
}

static void on_database_logs(int error, const char *reason, const char *text, void *userdata)
{
        Logs *logs = userdata;

        logs->request->pending = NULL;
        if (logs_take(logs, ARK_ROLE_DATABASE, error, reason, text))
                logs_finish(logs);
}

static int logs_ask(Logs *logs, const char *name, LogsDone done)
{
        EnginePort *engine = logs->request->manager->engine;

        return engine->vtable->container_log_since(engine, name, *logs->since ? logs->since : NULL,
                        logs->lines, LOGS_TIMEOUT_USEC, done, logs, &logs->request->pending);
}

static void on_app_logs(int error, const char *reason, const char *text, void *userdata)
{
        Logs *logs = userdata;
        int r;

        logs->request->pending = NULL;
        if (!logs_take(logs, ARK_ROLE_APP, error, reason, text))
                return;
        if (!logs->database) {
                logs_finish(logs);
                return;
        }
        r = logs_ask(logs, logs->database, on_database_logs);
        if (r < 0)
                request_fail_errno(logs->request, r, "The logs cannot be read");
}

/* The engine wants seconds and a fraction; it then gives the cursor's own line again, which is left out. */
static int logs_read_arguments(Logs *logs)
{
        struct json_object *a = logs->request->arguments;
        uint64_t usec, lines = LINES_DEFAULT;
        const char *cursor = NULL;

        (void) json_get_u64(a, "lines", &lines);
        (void) json_get_string(a, "cursor", &cursor);
        if (lines < 1 || lines > LINES_MAX) {
                request_fail(logs->request, FAULT_INVALID_ARGUMENT, "lines", "lines must be from 1 to %d",
                                LINES_MAX);
                return -EINVAL;
        }
        logs->lines = (unsigned) lines;
        if (!cursor || !*cursor)
                return 0;
        if (strlen(cursor) != STAMP_LENGTH || parse_timestamp(cursor, &usec) < 0) {
                request_fail(logs->request, FAULT_INVALID_ARGUMENT, "cursor",
                                "The cursor is not one that an answer gave");
                return -EINVAL;
        }
        (void) snprintf(logs->since, sizeof logs->since, "%" PRIu64 ".%06" PRIu64, usec / USEC_PER_SEC,
                        usec % USEC_PER_SEC);
        return free_and_strdup(&logs->cursor, cursor);
}

static int logs_name_containers(Logs *logs, const Instance *i)
{
        InstanceNames names;
        int r;

        instance_names(i, &names);
        r = free_and_strdup(&logs->id, i->id);
        return r < 0 ? r : free_and_strdup(&logs->database, i->has_database ? names.database : NULL);
}

void run_get_logs(Request *request)
{
        Instance *i = action_find_instance(request);
        Logs *logs;
        int r;

        if (!i)
                return;
        logs = new0(Logs, 1);
        if (!logs) {
                request_fail_errno(request, -ENOMEM, "The logs cannot be read");
                return;
        }
        request->state = logs;
        request->state_free = logs_free;
        logs->request = request;
        r = logs_name_containers(logs, i);
        if (r >= 0)
                r = logs_read_arguments(logs);
        if (r == -EINVAL)
                return;
        if (r >= 0)
                r = logs_ask(logs, i->id, on_app_logs);
        if (r < 0)
                request_fail_errno(request, r, "The logs cannot be read");
}
