/* SPDX-License-Identifier: MIT */
#include "arkctl/progress.h"

#include <stdio.h>

#include "arkctl/terminal.h"
#include "arkctl/text.h"
#include "basic/macro.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define BAR_COLUMNS 24

void progress_begin(Progress *progress, bool quiet)
{
        *progress = (Progress){
                .live = isatty(STDERR_FILENO) && !terminal_is_dumb(),
                .quiet = quiet,
                .began_usec = now_monotonic(),
                .phase_began_usec = now_monotonic(),
        };
}

char *progress_line(double fraction, const char *phase, const char *message, uint64_t elapsed_usec,
                size_t columns, bool utf8)
{
        const char *full = utf8 ? "█" : "#", *empty = utf8 ? "░" : "-";
        char bar[BAR_COLUMNS * sizeof "█"], *end = bar;
        size_t filled;
        char *line;

        fraction = fraction > 1 ? 1 : fraction > 0 ? fraction : 0;
        filled = (size_t) (fraction * BAR_COLUMNS);
        for (size_t i = 0; i < BAR_COLUMNS; i++)
                end = stpcpy(end, i < filled ? full : empty);
        line = str_printf("%s %3d%%  %4.1fs  %s%s%s", bar, (int) (fraction * 100),
                        (double) elapsed_usec / USEC_PER_SEC, phase, *message ? ": " : "", message);
        if (line)
                text_truncate(line, columns);
        return line;
}

void progress_clear(Progress *progress)
{
        if (progress->drawn)
                (void) fputs("\r\033[K", stderr);
        progress->drawn = false;
}

void progress_tick(Progress *progress)
{
        _cleanup_free_ char *line = NULL;

        if (!progress->live || progress->quiet || !progress->phase)
                return;
        /* The last column stays free: some terminals begin a new line at once. */
        line = progress_line(progress->fraction, progress->phase, strempty(progress->message),
                        now_monotonic() - progress->began_usec, terminal_columns(STDERR_FILENO) - 1,
                        terminal_has_utf8());
        if (!line)
                return;
        (void) fprintf(stderr, "\r%s\033[K", line);
        (void) fflush(stderr);
        progress->drawn = true;
}

/* A phase that is over, with what it took. */
static void print_phase(Progress *progress, bool success)
{
        bool color = terminal_has_color(STDERR_FILENO), utf8 = terminal_has_utf8();
        const char *mark = success ? (utf8 ? "✓" : "+") : (utf8 ? "✗" : "x");

        if (!progress->live || !progress->phase || (success && streq(progress->phase, "queued")))
                return;
        progress_clear(progress);
        (void) fprintf(stderr, "%s%s%s %-10s %5.1fs\n", color ? (success ? COLOR_GREEN : COLOR_RED) : "",
                        mark, color ? COLOR_OFF : "", progress->phase,
                        (double) (now_monotonic() - progress->phase_began_usec) / USEC_PER_SEC);
}

void progress_update(Progress *progress, const char *phase, const char *message, double fraction)
{
        bool new_phase = !streq_ptr(progress->phase, phase);
        bool new_message = !streq_ptr(progress->message, message);

        if (progress->quiet || (new_phase && streq(phase, "ready")))
                return; /* progress_end() follows */
        progress->fraction = fraction;
        if (new_phase) {
                print_phase(progress, true);
                progress->phase_began_usec = now_monotonic();
        }
        if (free_and_strdup(&progress->phase, phase) < 0 || free_and_strdup(&progress->message, message) < 0)
                return;
        if (progress->live)
                progress_tick(progress);
        else if (new_phase || new_message)
                (void) fprintf(stderr, "%s: %s\n", phase, message);
}

void progress_end(Progress *progress, bool success)
{
        if (!progress->quiet)
                print_phase(progress, success);
        progress_clear(progress);
        progress_done(progress);
}

void progress_done(Progress *progress)
{
        progress->phase = mfree(progress->phase);
        progress->message = mfree(progress->message);
}
