/* SPDX-License-Identifier: MIT */

/*
 * What an instance's containers have written, by time. Who asks again with the cursor of an answer gets what came
 * after it, a part at a time and without a gap: a cursor is a place in the output of each container. Of what the engine does not
 * keep any more a line of our own tells.
 */

#include "core/verbs/logs.h"

#include <errno.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/verbs/common.h"
#include "core/verbs/request.h"

#define LINES_DEFAULT     100
#define LINES_MAX         10000
#define LOGS_TIMEOUT_USEC (20 * USEC_PER_SEC)

/* 2026-11-24T14:53:18.000000000Z: as wide for every line, so that text compares as time does. */
#define STAMP_LENGTH 30

/* A container that was made anew has a new output, of which there is less than that so soon. So much is asked for to see it. */
#define LOST_BYTES_MIN ((size_t) 16 * 1024)
#define LOST_LINES_MIN 500U

/* One for each container. */
typedef enum LogSource {
        SOURCE_APP,
        SOURCE_DATABASE,
        _SOURCE_MAX,
} LogSource;

static const char *const source_names[_SOURCE_MAX] = { ARK_ROLE_APP, ARK_ROLE_DATABASE };

typedef struct Output {
        char *container; /* NULL where there is none */
        LogPlace from; /* what the caller has */
        char **lines; /* "TIME SOURCE TEXT", in the order in which they were written */
        size_t n, given;
        char unfinished[LOG_STAMP_MAX];
        char *lost; /* a line that tells of those before the first; NULL where none is missing */
} Output;

typedef struct Logs {
        Request *request;
        char *id;
        Output outputs[_SOURCE_MAX];
        bool goes_on; /* the caller has a cursor */
        unsigned lines;
        bool found; /* a container */
        LogSource asking;
} Logs;

static void logs_free(void *state)
{
        Logs *logs = state;

        for (size_t i = 0; i < _SOURCE_MAX; i++) {
                strv_free(logs->outputs[i].lines);
                free(logs->outputs[i].lost);
                free(logs->outputs[i].container);
        }
        free(logs->id);
        free(logs);
}

/* ---- Cursors: the places of the containers, "LAST~UNFINISHED", with commas between them ---- */

static bool is_stamp(const char *s)
{
        uint64_t usec;

        return !*s || (strlen(s) == STAMP_LENGTH && parse_timestamp(s, &usec) >= 0);
}

static bool place_parse(const char *text, size_t n, LogPlace *ret)
{
        const char *tilde = memchr(text, '~', n);
        size_t n_last = tilde ? (size_t) (tilde - text) : n, n_rest = tilde ? n - n_last - 1 : 0;
        LogPlace place = { 0 };

        if (n_last >= LOG_STAMP_MAX || n_rest >= LOG_STAMP_MAX)
                return false;
        memcpy(place.last, text, n_last);
        if (tilde)
                memcpy(place.unfinished, tilde + 1, n_rest);
        if (!is_stamp(place.last) || !is_stamp(place.unfinished))
                return false;
        *ret = place;
        return true;
}

static bool cursor_parse(const char *cursor, LogPlace ret[_SOURCE_MAX])
{
        const char *comma = strchr(cursor, ',');
        size_t n = comma ? (size_t) (comma - cursor) : strlen(cursor);

        if (!place_parse(cursor, n, &ret[SOURCE_APP]))
                return false;
        if (!comma) /* of a version that had one time for both */
                return place_parse(cursor, n, &ret[SOURCE_DATABASE]);
        return place_parse(comma + 1, strlen(comma + 1), &ret[SOURCE_DATABASE]);
}

/* The last line that was given, and the first that was begun before it and is still to be given. */
static LogPlace output_next(const Output *output)
{
        LogPlace next = output->from;
        const char *first = output->unfinished;

        if (output->given > 0)
                (void) snprintf(next.last, sizeof next.last, "%.*s", STAMP_LENGTH,
                                output->lines[output->given - 1]);
        for (size_t i = output->given; i < output->n; i++)
                if (!*first || strncmp(output->lines[i], first, STAMP_LENGTH) < 0)
                        first = output->lines[i];
        next.unfinished[0] = '\0';
        if (*first && strncmp(first, next.last, STAMP_LENGTH) < 0)
                (void) snprintf(next.unfinished, sizeof next.unfinished, "%.*s", STAMP_LENGTH, first);
        return next;
}

static int cursor_to_json(const Logs *logs, struct json_object *result)
{
        LogPlace app = output_next(&logs->outputs[SOURCE_APP]),
                 database = output_next(&logs->outputs[SOURCE_DATABASE]);
        _cleanup_free_ char *cursor = str_printf("%s%s%s,%s%s%s", app.last, *app.unfinished ? "~" : "",
                        app.unfinished, database.last, *database.unfinished ? "~" : "", database.unfinished);

        return cursor ? json_set_string(result, "cursor", cursor) : -ENOMEM;
}

/* ---- The answer ---- */

/* The one that goes on with the earliest line; NULL where there is none left. Each keeps its own order. */
static Output *next_output(Logs *logs)
{
        Output *first = NULL;

        for (size_t i = 0; i < _SOURCE_MAX; i++) {
                Output *o = logs->outputs + i;

                if (o->given < o->n && (!first || strncmp(o->lines[o->given], first->lines[first->given],
                                                                  STAMP_LENGTH) < 0))
                        first = o;
        }
        return first;
}

static int logs_to_json(Logs *logs, struct json_object *result)
{
        size_t n = logs->outputs[SOURCE_APP].n + logs->outputs[SOURCE_DATABASE].n;
        size_t skip = !logs->goes_on && n > logs->lines ? n - logs->lines : 0, end = skip + logs->lines;
        struct json_object *lines = json_object_new_array();
        Output *output;
        int r;

        r = json_set(result, "lines", lines);
        for (size_t i = 0; r >= 0 && i < end && (output = next_output(logs)); i++) {
                if (output->given == 0 && output->lost)
                        r = json_append(lines, json_object_new_string(output->lost));
                if (r >= 0 && i >= skip)
                        r = json_append(lines, json_object_new_string(output->lines[output->given]));
                output->given++;
        }
        return r < 0 ? r : cursor_to_json(logs, result);
}

static int output_add(Output *output, char *line)
{
        const size_t n = output->n;

        /* It is full whenever it has one less than a power of two, as the last is NULL. */
        if ((n & (n + 1)) == 0) {
                char **more = reallocarray(output->lines, 2 * (n + 1), sizeof *more);

                if (!more)
                        return -ENOMEM;
                output->lines = more;
        }
        output->lines[output->n++] = line;
        output->lines[output->n] = NULL;
        return 0;
}

/* line: "TIME TEXT", of n bytes. */
static int logs_add(Logs *logs, const Instance *i, LogSource source, const char *line, size_t n)
{
        Output *output = logs->outputs + source;
        _cleanup_free_ char *text = NULL, *clean = NULL;
        int r;

        if (n == STAMP_LENGTH && (!*output->unfinished || strncmp(line, output->unfinished, n) < 0))
                (void) snprintf(output->unfinished, sizeof output->unfinished, "%.*s", STAMP_LENGTH, line);
        if (n <= STAMP_LENGTH || line[STAMP_LENGTH] != ' ')
                return 0;
        text = str_printf("%.*s %s%.*s", STAMP_LENGTH, line, source_names[source], (int) (n - STAMP_LENGTH),
                        line + STAMP_LENGTH);
        clean = text ? instance_redact(i, text) : NULL;
        r = clean ? output_add(output, clean) : -ENOMEM;
        if (r >= 0)
                TAKE_PTR(clean);
        return r;
}

/* What a failed deploy has kept of its container, which is gone; of the time at which it was given up. */
static int logs_add_last_words(Logs *logs, const Instance *i)
{
        const bool database = streq_ptr(i->error_step, instance_phase_to_string(PHASE_DATABASE));
        const LogSource source = database ? SOURCE_DATABASE : SOURCE_APP;
        const uint64_t usec = i->verdict_usec ? i->verdict_usec : i->created_usec;
        _cleanup_(strv_freep) char **lines = NULL;
        char stamp[TIMESTAMP_MAX];
        int r;

        r = strv_split(strempty(i->error_log), "\n", &lines);
        (void) format_timestamp(usec, stamp);
        stamp[strcspn(stamp, "Z")] = '\0';
        for (char **line = lines; r >= 0 && line && *line; line++) {
                _cleanup_free_ char *dated = str_printf("%s000Z %s", stamp, *line);

                if (dated && strncmp(dated, logs->outputs[source].from.last, STAMP_LENGTH) <= 0)
                        continue; /* the caller has them */
                r = dated ? logs_add(logs, i, source, dated, strlen(dated)) : -ENOMEM;
        }
        return r;
}

static void logs_finish(Logs *logs)
{
        Request *request = logs->request;
        const Instance *i = manager_get_instance(request->manager, logs->id);
        struct json_object *result = json_object_new_object();
        int r = result ? 0 : -ENOMEM;

        if (r >= 0 && !logs->found && i)
                r = logs_add_last_words(logs, i);
        if (r >= 0)
                r = logs_to_json(logs, result);
        if (r >= 0)
                request_succeed(request, result);
        else {
                json_object_put(result);
                request_fail_errno(request, r, "The logs cannot be shown");
        }
}

/* ---- What the engine has ---- */

/* The engine drops the oldest for the newest. How many they were nobody has counted; of how long they were is known. */
static int output_tell_lost(Output *output, const char *first)
{
        char stamp[LOG_STAMP_MAX];
        uint64_t begin = 0, end = 0;

        (void) snprintf(stamp, sizeof stamp, "%.*s", STAMP_LENGTH, first);
        (void) parse_timestamp(output->from.last, &begin);
        (void) parse_timestamp(stamp, &end);
        output->lost = str_printf(
                        "%s arkd Lines were lost here: %s printed more in %.1f seconds than is kept of "
                        "its output (LogMax= in arkd.conf)",
                        stamp, output->container,
                        end > begin ? (double) (end - begin) / (double) USEC_PER_SEC : 0.0);
        return output->lost ? 0 : -ENOMEM;
}

static size_t count_lines(const char *text)
{
        size_t n = 0;

        while ((text = strchr(text, '\n'))) {
                text++;
                n++;
        }
        return n;
}

/* Leaves out the line that the caller has; where it is not there, others may be missing, too. */
static int logs_begin_text(Logs *logs, const char **text)
{
        Output *output = logs->outputs + logs->asking;
        const char *end = strchr(*text, '\n');

        if (!logs->goes_on || !*output->from.last || !end)
                return 0;
        if (strncmp(*text, output->from.last, STAMP_LENGTH) == 0)
                *text = end + 1;
        else if (strlen(*text) >= LOST_BYTES_MIN || count_lines(*text) >= LOST_LINES_MIN)
                return output_tell_lost(output, *text);
        return 0;
}

static int logs_add_text(Logs *logs, const Instance *i, const char *text)
{
        const char *end;
        int r;

        r = logs_begin_text(logs, &text);
        for (; r >= 0 && (end = strchr(text, '\n')); text = end + 1)
                r = logs_add(logs, i, logs->asking, text, (size_t) (end - text));
        return r;
}

/* Answers whether to go on. */
static bool logs_take(Logs *logs, int error, const char *reason, const char *text)
{
        Instance *i = manager_get_instance(logs->request->manager, logs->id);
        int r;

        if (error == -ENOENT || !i)
                return true;
        logs->found = true;
        if (error < 0) {
                request_fail(logs->request, error == -ENOTCONN ? FAULT_ENGINE_UNAVAILABLE : FAULT_FAILED,
                                NULL, "The logs cannot be read: %s", strempty(reason));
                return false;
        }
        r = logs_add_text(logs, i, text);
        if (r < 0)
                request_fail_errno(logs->request, r, "The logs cannot be shown");
        return r >= 0;
}

static int logs_ask(Logs *logs, LogSource source);

static void on_logs(int error, const char *reason, const char *text, void *userdata)
{
        Logs *logs = userdata;
        int r;

        logs->request->pending = NULL;
        if (!logs_take(logs, error, reason, text))
                return;
        if (logs->asking == SOURCE_DATABASE || !logs->outputs[SOURCE_DATABASE].container) {
                logs_finish(logs);
                return;
        }
        r = logs_ask(logs, SOURCE_DATABASE);
        if (r < 0)
                request_fail_errno(logs->request, r, "The logs cannot be read");
}

static int logs_ask(Logs *logs, LogSource source)
{
        EnginePort *engine = logs->request->manager->engine;
        const Output *output = logs->outputs + source;
        const unsigned lines = logs->goes_on && logs->lines < LOST_LINES_MIN ? LOST_LINES_MIN : logs->lines;

        logs->asking = source;
        return engine->vtable->container_log_since(engine, output->container,
                        logs->goes_on ? &output->from : NULL, lines, LOGS_TIMEOUT_USEC, on_logs, logs,
                        &logs->request->pending);
}

static int logs_read_arguments(Logs *logs)
{
        struct json_object *a = logs->request->arguments;
        LogPlace places[_SOURCE_MAX] = { 0 };
        uint64_t lines = LINES_DEFAULT;
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
        if (!cursor_parse(cursor, places)) {
                request_fail(logs->request, FAULT_INVALID_ARGUMENT, "cursor",
                                "The cursor is not one that an answer gave");
                return -EINVAL;
        }
        logs->goes_on = true;
        for (size_t i = 0; i < _SOURCE_MAX; i++)
                logs->outputs[i].from = places[i];
        return 0;
}

static int logs_name_containers(Logs *logs, const Instance *i)
{
        InstanceNames names;
        int r;

        instance_names(i, &names);
        r = free_and_strdup(&logs->id, i->id);
        if (r >= 0)
                r = free_and_strdup(&logs->outputs[SOURCE_APP].container, i->id);
        return r < 0 ? r
                     : free_and_strdup(&logs->outputs[SOURCE_DATABASE].container,
                                       i->has_database ? names.database : NULL);
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
                r = logs_ask(logs, SOURCE_APP);
        if (r < 0)
                request_fail_errno(request, r, "The logs cannot be read");
}
