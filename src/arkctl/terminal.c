/* SPDX-License-Identifier: MIT */
#include "arkctl/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>

#include "basic/macro.h"
#include "basic/parse.h"

static bool output_was_terminal, error_was_terminal;
static unsigned output_columns;

static bool environment_has(const char *name)
{
        const char *value = getenv(name);

        return value && *value;
}

void terminal_setup(void)
{
        bool named = environment_has("LC_ALL") || environment_has("LC_CTYPE") || environment_has("LANG");

        /* LC_CTYPE alone: numbers and dates are the same everywhere. */
        if (!named || !setlocale(LC_CTYPE, ""))
                (void) setlocale(LC_CTYPE, "C.UTF-8");
}

void terminal_keep_output(void)
{
        output_columns = terminal_columns(STDOUT_FILENO);
        output_was_terminal = true;
        error_was_terminal = isatty(STDERR_FILENO);
}

bool terminal_is_output(void)
{
        return output_was_terminal || isatty(STDOUT_FILENO);
}

bool terminal_is_dumb(void)
{
        const char *term = getenv("TERM");

        return !term || streq(term, "dumb");
}

bool terminal_can_ask(void)
{
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

bool terminal_can_page(void)
{
        pid_t group = getpgrp();

        /* 0: of another PID namespace, so that it cannot be told. */
        return isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && !terminal_is_dumb() && group > 0 &&
               tcgetpgrp(STDOUT_FILENO) == group;
}

bool terminal_has_color(int fd)
{
        if (environment_has("NO_COLOR") || terminal_is_dumb())
                return false;
        return (fd == STDOUT_FILENO ? output_was_terminal : error_was_terminal) || isatty(fd);
}

const char *terminal_color(const char *sequence)
{
        return terminal_has_color(STDOUT_FILENO) ? sequence : "";
}

bool terminal_has_utf8(void)
{
        return streq(nl_langinfo(CODESET), "UTF-8");
}

unsigned terminal_columns(int fd)
{
        const char *columns = getenv("COLUMNS");
        struct winsize size;
        unsigned n;

        if (fd == STDOUT_FILENO && output_was_terminal)
                return output_columns;
        if (columns && parse_unsigned(columns, &n) >= 0 && n > 0)
                return n;
        if (ioctl(fd, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0)
                return size.ws_col;
        return 80;
}
