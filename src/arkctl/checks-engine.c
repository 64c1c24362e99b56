/* SPDX-License-Identifier: MIT */

/* What the engine keeps on disk is every customer's: nobody but root may read it there. */

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "arkctl/checks.h"
#include "basic/string-util.h"

Verdict verdict_of_state(mode_t mode, uid_t owner)
{
        if ((mode & S_IWOTH) || owner != 0)
                return VERDICT_FAILED;
        /* To pass through a folder is needed of some; to list it or to read a file is of nobody. */
        if ((mode & S_IROTH) || (!S_ISDIR(mode) && (mode & S_IXOTH)))
                return VERDICT_WARNING;
        return VERDICT_OK;
}

static int check_place(Checks *checks, const char *path, const struct stat *st, Verdict verdict)
{
        _cleanup_free_ char *remedy = str_printf("chown root %s; chmod o-rw %s", path, path);

        if (!remedy)
                return -ENOMEM;
        return checks_add(checks, "state", verdict, remedy,
                        "Users of this host can %s %s (mode %04o, owner %u)",
                        verdict == VERDICT_FAILED ? "change" : "read", path, st->st_mode & 07777,
                        st->st_uid);
}

int check_engine_state(Ctl *ctl, Checks *checks)
{
        _cleanup_free_ char *engine = ctl_is_local(ctl) ? engine_directory(ctl) : strdup("");
        const char *const places[] = { engine, "/var/lib/containerd", "/run/containerd",
                "/run/docker.sock" };
        size_t n_seen = 0, n_open = 0;

        if (!engine)
                return -ENOMEM;
        for (size_t i = 0; ctl_is_local(ctl) && i < ELEMENTSOF(places); i++) {
                struct stat st;
                Verdict verdict;
                int r;

                if (stat(places[i], &st) < 0)
                        continue;
                n_seen++;
                verdict = verdict_of_state(st.st_mode, st.st_uid);
                if (verdict == VERDICT_OK)
                        continue;
                n_open++;
                r = check_place(checks, places[i], &st, verdict);
                if (r < 0)
                        return r;
        }
        if (n_seen == 0)
                return checks_add(checks, "state", VERDICT_SKIPPED, NULL, "It cannot be seen from here");
        return n_open > 0 ? 0
                          : checks_add(checks, "state", VERDICT_OK, NULL,
                                            "Nobody but root reads what the engine keeps");
}
