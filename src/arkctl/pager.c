/* SPDX-License-Identifier: MIT */
#include "arkctl/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "arkctl/terminal.h"
#include "basic/string-util.h"

/* What standard error was, while it goes through the pager too: lines come in their order, and on their own. */
static int error_saved = -1;

static const char *pager_configured(void)
{
        const char *pager = getenv("ARKCTL_PAGER");

        return pager ? pager : getenv("PAGER");
}

static _Noreturn void pager_run(char **configured, int input)
{
        if (dup2(input, STDIN_FILENO) < 0)
                _exit(EXIT_FAILURE);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        /* Quit where it fits one screen, keep colours, chop long lines, leave the screen as it is. */
        (void) setenv("LESS", "FRSXMK", 1);
        (void) setenv("LESSCHARSET", terminal_has_utf8() ? "utf-8" : "ascii", 0);
        if (configured)
                (void) execvp(configured[0], configured);
        (void) execlp("less", "less", (char *) NULL);
        (void) execlp("more", "more", (char *) NULL);
        (void) execlp("cat", "cat", (char *) NULL);
        _exit(EXIT_FAILURE);
}

void pager_open(Ctl *ctl)
{
        _cleanup_(strv_freep) char **configured = NULL;
        const char *command = pager_configured();
        int fds[2];

        if (ctl->no_pager || ctl->pager > 0 || !terminal_can_page())
                return;
        if (command && (strv_split(command, " \t", &configured) < 0 || strv_length(configured) == 0 ||
                                       streq(configured[0], "cat")))
                return;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        terminal_keep_output();
        (void) fflush(stdout);
        ctl->pager = fork();
        if (ctl->pager == 0)
                pager_run(configured, fds[0]);
        if (ctl->pager > 0) {
                (void) dup2(fds[1], STDOUT_FILENO);
                error_saved = isatty(STDERR_FILENO) ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) : -1;
                if (error_saved >= 0)
                        (void) dup2(fds[1], STDERR_FILENO);
        } else
                ctl->pager = 0;
        close(fds[0]);
        close(fds[1]);
        /* Leaving the pager early is no failure. */
        (void) signal(SIGPIPE, SIG_IGN);
}

void pager_close(Ctl *ctl)
{
        if (ctl->pager <= 0)
                return;
        (void) fflush(stdout);
        if (error_saved >= 0) {
                (void) dup2(error_saved, STDERR_FILENO);
                close(error_saved);
                error_saved = -1;
        }
        /* Its end of file; the stream itself is closed at exit. */
        (void) dup2(STDERR_FILENO, STDOUT_FILENO);
        while (waitpid(ctl->pager, NULL, 0) < 0 && errno == EINTR)
                continue;
        ctl->pager = 0;
}
