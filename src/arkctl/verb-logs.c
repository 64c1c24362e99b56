/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "arkctl/logs.h"
#include "arkctl/objects.h"
#include "arkctl/pager.h"
#include "arkctl/resolve.h"
#include "arkctl/verbs.h"
#include "basic/parse.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define LINES_DEFAULT 100
#define FOLLOW_LINES  10000
#define LINES_OF_OLD  1000 /* the most that an arkd gives which is older than this */
#define FOLLOW_USEC   (500 * USEC_PER_MSEC)

/* An answer with so much in it may not be all there is. */
#define MUCH_LINES 1000
#define MUCH_BYTES (256 * 1024)

typedef struct Follow {
        Ctl *ctl;
        char *act, *path;
        char *cursor; /* where to go on */
        bool began; /* a first answer came */
        bool printed; /* a line */
        bool changed; /* something happened to the instance */
        size_t n_lines, n_bytes; /* of the last answer */
} Follow;

static void follow_done(Follow *f)
{
        free(f->act);
        free(f->path);
        free(f->cursor);
}

/* Asks for what came after the cursor and prints it. */
static ExitCode follow_once(Follow *f, unsigned lines, bool print)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *cursor, *line;
        ExitCode e = CTL_OK;
        int r;

        r = ctl_try(f->ctl, f->path, ARK_INSTANCE_INTERFACE, "GetLogs", &error, &reply, "su",
                        strempty(f->cursor), lines);
        if (r < 0 && lines > LINES_OF_OLD && bus_exit_code(error.name, r) == CTL_USAGE)
                return follow_once(f, LINES_OF_OLD, print);
        if (r < 0 && f->began && bus_exit_code(error.name, r) == CTL_NOT_FOUND)
                return CTL_NOT_FOUND; /* it is gone, which is an end like any other */
        if (r < 0)
                return ctl_report(f->ctl, f->act, r, &error);
        r = sd_bus_message_read_basic(reply, 's', &cursor);
        if (r >= 0)
                r = free_and_strdup(&f->cursor, cursor);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "s");
        f->n_lines = f->n_bytes = 0;
        while (r >= 0 && e == CTL_OK && (r = sd_bus_message_read_basic(reply, 's', &line)) > 0) {
                e = print ? log_line_print(f->ctl, line) : CTL_OK;
                f->printed = true;
                f->n_lines++;
                f->n_bytes += strlen(line);
        }
        f->began = true;
        return r < 0 ? ctl_report(f->ctl, f->act, r, NULL) : e;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Follow *f = userdata;

        f->changed = true;
        return 0;
}

/* Waits until it is time to ask again: soon, or at once when the instance changed. */
static int follow_wait(Follow *f)
{
        uint64_t until = now_monotonic() + FOLLOW_USEC;

        f->changed = false;
        while (!f->changed) {
                uint64_t now = now_monotonic();
                int r = sd_bus_process(f->ctl->bus, NULL);

                if (r == 0 && now < until)
                        r = sd_bus_wait(f->ctl->bus, until - now);
                if (r < 0 && r != -EINTR)
                        return r;
                if (now >= until)
                        return 0;
        }
        return 0;
}

static ExitCode follow(Follow *f)
{
        ExitCode e = CTL_OK;
        int r;

        r = sd_bus_match_signal(
                        f->ctl->bus, NULL, ARK_BUS_NAME, f->path, PROPERTIES_INTERFACE, NULL, on_changed, f);
        while (r >= 0 && e == CTL_OK) {
                if (fflush(stdout) != 0)
                        return CTL_OK; /* nobody reads it any more */
                if (f->n_lines < MUCH_LINES && f->n_bytes < MUCH_BYTES)
                        r = follow_wait(f);
                if (r >= 0)
                        e = follow_once(f, FOLLOW_LINES, true);
        }
        if (r < 0)
                return ctl_report(f->ctl, f->act, r, NULL);
        if (e == CTL_NOT_FOUND)
                ctl_note(f->ctl, "The instance has been deleted.");
        return e == CTL_NOT_FOUND ? CTL_OK : e;
}

ExitCode verb_logs(Ctl *ctl, char **arguments)
{
        _cleanup_(follow_done) Follow f = { .ctl = ctl };
        _cleanup_free_ char *id = NULL;
        unsigned lines = LINES_DEFAULT;
        ExitCode e;

        e = resolve_instance(ctl, arguments[0], &id);
        if (e != CTL_OK)
                return e;
        if (ctl->lines)
                (void) parse_unsigned(ctl->lines, &lines);
        f.act = str_printf("show the logs of %s", id);
        if (!f.act || instance_path(id, &f.path) < 0)
                return ctl_failed(ENOMEM, "Cannot show the logs");
        if (!ctl->follow)
                pager_open(ctl);
        /* Where no past lines are wanted, one is still asked for: it tells where to go on, and whether one may. */
        e = follow_once(&f, lines > 0 ? lines : 1, lines > 0);
        if (e == CTL_NOT_FOUND)
                resolve_suggest_instance(ctl, id);
        if (e == CTL_OK && !f.printed && !ctl->follow)
                ctl_note(ctl, "There are no log lines of %s.", id);
        return e == CTL_OK && ctl->follow ? follow(&f) : e;
}
