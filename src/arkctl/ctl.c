/* SPDX-License-Identifier: MIT */
#include "arkctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "arkctl/agent.h"
#include "arkctl/pager.h"
#include "arkctl/terminal.h"

void ctl_done(Ctl *ctl)
{
        pager_close(ctl);
        agent_close(ctl);
        ctl->bus = sd_bus_flush_close_unref(ctl->bus);
}

bool ctl_is_local(const Ctl *ctl)
{
        return !ctl->host && !ctl->machine;
}

static void _printf_(2, 0) say(const char *color, const char *format, va_list ap)
{
        bool colored = color && terminal_has_color(STDERR_FILENO);

        /* What was printed so far comes first where both go to one terminal. */
        (void) fflush(stdout);
        if (colored)
                (void) fputs(color, stderr);
        (void) vfprintf(stderr, format, ap);
        if (colored)
                (void) fputs(COLOR_OFF, stderr);
        (void) fputc('\n', stderr);
}

void ctl_error(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        say(COLOR_RED, format, ap);
        va_end(ap);
}

void ctl_warning(const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        say(COLOR_YELLOW, format, ap);
        va_end(ap);
}

void ctl_note(const Ctl *ctl, const char *format, ...)
{
        va_list ap;

        if (ctl->quiet)
                return;
        va_start(ap, format);
        say(NULL, format, ap);
        va_end(ap);
}

ExitCode ctl_failed(int error, const char *what)
{
        ctl_error("%s: %s.", what, strerror(abs(error)));
        return CTL_FAILED;
}
