/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

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

/* checks-daemon.c: arkd, and what only it can tell: engine, store, ownerless volumes, addresses. */
int check_daemon(Ctl *ctl, Checks *checks);
/* checks-instances.c: those that failed, and volumes that are gone. After check_daemon(). */
int check_instances(Ctl *ctl, Checks *checks);

/* "a, b and 3 more"; NULL when out of memory. */
char *checks_join_names(char *const *names);

/* checks-address.c: what links begin with, and where applications are. NULL: arkd does not tell. */
int check_address(Checks *checks, const char *base_url);
int check_applications(
                Checks *checks, const char *base_url, const char *applications_url, char *const *misplaced);

/* checks-ports.c: those of arkd-nginx.service, which runs. */
int check_ports(Ctl *ctl, Checks *checks);
/* Whether visitors need no port. */
int check_web(Ctl *ctl, Checks *checks);
/* The same, by what arkd-nginx-config found. */
int checks_add_web(Checks *checks, const char *text);
/* The first port of that server that another service has, by the same. -ENOENT where none is. */
int ports_find_taken(const char *text, const char *server, unsigned *ret_port);

/* checks-access.c: to whom the site is open. */
int check_access(Ctl *ctl, Checks *checks);
/* Whether text has that line. */
bool open_find(const char *text, const char *line);
/* What arkd-nginx-config wrote, in words. NULL when out of memory. */
char *open_to_sentence(const char *text);

/* checks-isolation.c: whether instances are kept apart. */
int check_isolation(Ctl *ctl, Checks *checks);

/* checks-disk.c: whether there is room where the engine, arkd and the journal write. */
int check_disk(Ctl *ctl, Checks *checks);

/* A folder that something is written to, and how many bytes there should be left there. */
typedef struct DiskPlace {
        const char *path;
        uint64_t enough, least;
        bool logs; /* only the journal writes there */
} DiskPlace;

#define DISK_PLACES_MAX 8

/* A check for each file system that they are on; of a place that is not there or not to be seen none. */
int checks_add_disks(Checks *checks, const DiskPlace *places, size_t n);
/* Where the engine keeps what it has: as arkd tells, or by default. NULL when out of memory. */
char *engine_directory(Ctl *ctl);

/* checks-engine.c: who else may read what the engine keeps. */
int check_engine_state(Ctl *ctl, Checks *checks);

/* checks-store.c: what the store has lost, and what it does not know. After check_daemon(). */
int check_store(Ctl *ctl, Checks *checks);

/* checks-storage.c: how much room the instances take up. */
int check_storage(Ctl *ctl, Checks *checks);

const char *verdict_to_string(Verdict verdict);

/* The verdict on a folder or socket of the engine's with that mode and owner. */
Verdict verdict_of_state(mode_t mode, uid_t owner);

/* The verdict on so many bytes that are free. */
Verdict verdict_of_free(uint64_t free, uint64_t enough, uint64_t least);
