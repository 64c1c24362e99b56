/* SPDX-License-Identifier: MIT */

/* To whom the site is open, by what arkd-nginx-config has last written for nginx. */

#include <errno.h>

#include "arkctl/checks.h"
#include "basic/file-util.h"
#include "basic/string-util.h"

#define OPEN_FILE "/run/arkd-nginx/open"
#define OPEN_MAX  4096

bool open_find(const char *text, const char *what)
{
        for (const char *line = text; line; line = strchr(line, '\n')) {
                const char *rest;

                line += *line == '\n';
                rest = startswith(line, what);
                if (rest && (*rest == '\n' || *rest == '\0'))
                        return true;
        }
        return false;
}

char *open_to_sentence(const char *text)
{
        bool landing = open_find(text, "landing everybody"),
             instances = open_find(text, "instances everybody");
        const char *whom = "The networks in arkd.conf may use the landing page and instances";

        if (landing && instances)
                whom = "Everybody may use the landing page and instances";
        else if (landing)
                whom = "Everybody may use the landing page, and the networks in arkd.conf instances";
        else if (instances)
                whom = "Everybody may use instances, and the networks in arkd.conf the landing page";
        return str_printf("%s%s", whom,
                        open_find(text, "funnel allowed") ? "; Funnel lets the internet in" : "");
}

int check_access(Ctl *ctl, Checks *checks)
{
        _cleanup_free_ char *text = NULL, *sentence = NULL;

        if (ctl->host || ctl->machine || read_file(OPEN_FILE, OPEN_MAX, &text, NULL) < 0)
                return checks_add(checks, "access", VERDICT_SKIPPED, NULL, "It cannot be seen from here");
        sentence = open_to_sentence(text);
        return sentence ? checks_add(checks, "access", VERDICT_OK, NULL, "%s", sentence) : -ENOMEM;
}
