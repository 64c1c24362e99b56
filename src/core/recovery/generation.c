/* SPDX-License-Identifier: MIT */
#include "core/recovery/generation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/file-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/parse.h"
#include "core/ports.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/doubts.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/spec/compose-file.h"

#define FILE_MAX 96
/* A second line, where the store was behind and does not know of all yet: what it had, and how much it should have. */
#define BEHIND "behind "

static char *file_path(const Manager *m)
{
        return str_printf("%s/" COMPOSE_GENERATION_FILE, m->compose_dir);
}

/* ---- The file ---- */

/* Ends the text where the separator is; what follows it, or an empty string. */
static char *cut(char *text, const char *separator)
{
        char *end = text + strcspn(text, separator);

        if (!*end)
                return end;
        *end = '\0';
        return end + 1;
}

static int parse_file(char *text, Generation *g)
{
        char *behind = cut(text, "\n"), *found, *expected;
        uint64_t number, had, of;
        int r = parse_u64(text, &number);

        if (r < 0)
                return r;
        g->written = number;
        if (!startswith(behind, BEHIND))
                return 0;
        (void) cut(behind, "\n");
        found = behind + sizeof BEHIND - 1;
        expected = cut(found, " ");
        if (parse_u64(found, &had) < 0 || parse_u64(expected, &of) < 0)
                return -EBADMSG;
        g->noted = true;
        g->found = had;
        g->expected = of;
        return 0;
}

/* What a power cut left of it counts as none: nothing is believed to be missing then. */
static void read_numbers(Manager *m)
{
        _cleanup_free_ char *path = file_path(m), *text = NULL;
        int r;

        m->generation.written = 0;
        m->generation.noted = false;
        r = path ? read_file(path, FILE_MAX, &text, NULL) : -ENOMEM;
        if (r >= 0)
                r = parse_file(text, &m->generation);
        if (r < 0 && r != -ENOENT)
                log_warning_errno(r, "%s cannot be read and is taken to be new: %m", strempty(path));
}

static bool is_written(const Manager *m)
{
        return m->generation.store <= m->generation.written &&
               m->generation.noted == generation_is_behind(m);
}

static void write_numbers(Manager *m)
{
        Generation *g = &m->generation;
        uint64_t number = g->store > g->written ? g->store : g->written;
        bool behind = generation_is_behind(m);
        char text[FILE_MAX];
        int r;

        if (is_written(m))
                return;
        if (behind)
                (void) snprintf(text, sizeof text, "%" PRIu64 "\n" BEHIND "%" PRIu64 " %" PRIu64 "\n",
                                number, g->found, g->expected);
        else
                (void) snprintf(text, sizeof text, "%" PRIu64 "\n", number);
        r = compose_write_text(m, COMPOSE_GENERATION_FILE, text);
        if (r >= 0) {
                g->written = number;
                g->noted = behind;
        } else if (!g->write_failed)
                log_warning_errno(r,
                                "%s/" COMPOSE_GENERATION_FILE " cannot be written, so an older copy of "
                                "the store might not be recognised: %m",
                                m->compose_dir);
        g->write_failed = r < 0;
}

static int on_idle(sd_event_source *source, void *userdata)
{
        Manager *m = userdata;

        m->generation.writing = sd_event_source_disable_unref(m->generation.writing);
        write_numbers(m);
        return 0;
}

/* When the loop has nothing else to do: of many commits, the last is written. */
static void write_later(Manager *m)
{
        Generation *g = &m->generation;
        int r;

        if (g->writing || is_written(m))
                return;
        r = sd_event_add_defer(m->event, &g->writing, on_idle, m);
        if (r >= 0)
                (void) sd_event_source_set_priority(g->writing, SD_EVENT_PRIORITY_IDLE);
        else
                write_numbers(m);
}

void generation_done(Manager *m)
{
        Generation *g = &m->generation;

        g->settling = pending_cancel(g->settling);
        if (!g->writing)
                return;
        g->writing = sd_event_source_disable_unref(g->writing);
        write_numbers(m);
}

/* ---- Reading the store ---- */

void generation_load(Manager *m, struct json_object *json)
{
        if (json_object_is_type(json, json_type_int) && json_object_get_int64(json) > 0)
                m->generation.store = json_object_get_uint64(json);
}

void generation_reset(Manager *m)
{
        m->generation.store = m->generation.found = m->generation.expected = 0;
        m->generation.settled = false;
}

void generation_judge(Manager *m)
{
        Generation *g = &m->generation;

        read_numbers(m);
        if (g->store < g->written && !g->noted) {
                g->found = g->store;
                g->expected = g->written;
        }
        if (!generation_is_behind(m)) {
                write_later(m);
                return;
        }
        write_numbers(m); /* before anything that the store is given makes up for what it lacks */
        log_full(LOG_ERR, 0, LOG_ABOUT(.message_id = MESSAGE_STORE_BEHIND),
                        "The store (Redis) is an older copy, or was emptied: it has had %" PRIu64
                        " of %" PRIu64 " changes. Nothing that it does not know is removed. “arkctl adopt "
                        "--all” takes back what it does not know; or restore a newer copy and restart arkd",
                        g->found, g->expected);
}

bool generation_is_behind(const Manager *m)
{
        return m->generation.expected > 0 && !m->generation.settled;
}

/* ---- The store's answers ---- */

/* What is unknown here is not written again, and what the copy has of it is left: the next start must not believe that,
 * either. */
static void keep_unknown(Manager *m, uint64_t number)
{
        Generation *g = &m->generation;

        if (unknown_count(m) == 0 || generation_is_behind(m))
                return;
        g->found = number;
        g->expected = g->store;
        g->settled = false;
        write_numbers(m);
}

void generation_on_answer(uint64_t number, bool raised, void *userdata)
{
        Manager *m = userdata;

        if (!m->loaded || m->rewrite)
                return;
        if (number < m->generation.store + (raised ? 1 : 0)) {
                log_full(LOG_ERR, 0, LOG_ABOUT(.message_id = MESSAGE_STORE_EMPTIED),
                                "The store (Redis) was emptied, or replaced by an older copy, while arkd "
                                "ran: "
                                "it has had %" PRIu64 " changes, and had %" PRIu64
                                " before. All is written to it again",
                                number, m->generation.store);
                keep_unknown(m, number);
                m->hooks->rewrite(m);
                return;
        }
        generation_set(m, number);
}

void generation_set(Manager *m, uint64_t number)
{
        m->generation.store = number;
        write_later(m);
}

uint64_t generation_next(const Manager *m)
{
        const Generation *g = &m->generation;

        return (g->store > g->written ? g->store : g->written) + 1;
}

/* ---- A store that knows of all again ---- */

static void on_settled(int error, const char *reason, void *userdata)
{
        Manager *m = userdata;

        m->generation.settling = NULL;
        if (error < 0) {
                log_warning("The store does not have its new generation yet: %s", strempty(reason));
                return;
        }
        m->generation.settled = true;
        log_notice("The store (Redis), which was behind, knows of all that there is again");
        generation_set(m, generation_next(m));
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
}

void generation_settle(Manager *m)
{
        char text[FILE_MAX];
        const StoreWrite write = { STORE_PUT, STORE_GENERATION, m->deployment, text };

        /* Not before the compose files have told what they know better, and the store has that. */
        if (!generation_is_behind(m) || m->generation.settling || m->rewrite || m->tending ||
                        manager_has_doubts(m))
                return;
        (void) snprintf(text, sizeof text, "%" PRIu64, generation_next(m));
        (void) m->store->vtable->commit(m->store, &write, 1, MANAGER_STORE_TIMEOUT_USEC, on_settled, m,
                        &m->generation.settling);
}

/* ---- For views ---- */

void manager_get_store_condition(const Manager *manager, StoreCondition *ret)
{
        const Generation *g = &manager->generation;

        *ret = (StoreCondition){ g->found, g->expected, g->settled, manager->rewritten_usec };
}
