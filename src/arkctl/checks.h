/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

typedef enum Verdict {
        VERDICT_OK,
        VERDICT_SKIPPED, /* it cannot be seen from here */
        VERDICT_WARNING, /* it works, but not as well as it could */
        VERDICT_FAILED,
        _VERDICT_MAX,
} Verdict;

/* One thing that ARK Deploy needs, and how it is. */
typedef struct Check {
        const char *name;
        Verdict verdict;
        char *detail; /* what was found */
        char *remedy; /* what to do, or NULL */
} Check;

typedef struct Checks {
        Check *items;
        size_t n;
        ExitCode daemon; /* what asking arkd itself came to */
} Checks;

/* Looks at everything. 0 or -ENOMEM. */
int checks_run(Ctl *ctl, Checks *ret);
void checks_done(Checks *checks);

/* Adds what was found. remedy: NULL where there is nothing to do. 0 or -ENOMEM. */
int checks_add(Checks *checks, const char *name, Verdict verdict, const char *remedy, const char *format,
                ...) _printf_(5, 6);

/* checks-daemon.c: arkd, and what only it can tell: engine, store, ownerless volumes, the base of links. */
int check_daemon(Ctl *ctl, Checks *checks);

const char *verdict_to_string(Verdict verdict);

/* The verdict on so many bytes that are free. */
Verdict verdict_of_free(uint64_t free, uint64_t enough, uint64_t least);
/* "MemAvailable:" and the like of /proc/meminfo, in bytes. -ENOENT where text does not have it. */
int meminfo_find(const char *text, const char *field, uint64_t *ret_bytes);
