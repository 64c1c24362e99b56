/* SPDX-License-Identifier: MIT */
#include "arkctl/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "arkctl/terminal.h"

ExitCode ask(const Ctl *ctl, const char *question, ...)
{
        char answer[16];
        va_list ap;

        if (ctl->yes)
                return CTL_OK;
        if (!terminal_can_ask()) {
                ctl_error("This has to be confirmed, and there is no terminal to ask on. Give --yes if you "
                          "are sure.");
                return CTL_USAGE;
        }
        (void) fflush(stdout);
        va_start(ap, question);
        (void) vfprintf(stderr, question, ap);
        va_end(ap);
        (void) fputs(" [y/N] ", stderr);
        (void) fflush(stderr);
        if (!fgets(answer, sizeof answer, stdin)) {
                (void) fputc('\n', stderr);
                answer[0] = '\0';
        }
        answer[strcspn(answer, "\n")] = '\0';
        if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
                return CTL_OK;
        ctl_error("Nothing was done.");
        return CTL_FAILED;
}
