/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>

#include "basic/macro.h"

/*
 * arkctl: what all its files share. A verb answers an exit code, having said on standard error what went wrong;
 * what it calls follows the error contract of basic/macro.h, or answers an exit code too where it says so.
 */

#define ARK_BUS_NAME           "network.ark.Deploy1"
#define ARK_BUS_PATH           "/network/ark/Deploy1"
#define ARK_INSTANCE_PREFIX    ARK_BUS_PATH "/instance"
#define ARK_PRODUCT_PREFIX     ARK_BUS_PATH "/product"
#define ARK_MANAGER_INTERFACE  ARK_BUS_NAME ".Manager"
#define ARK_INSTANCE_INTERFACE ARK_BUS_NAME ".Instance"
#define ARK_PRODUCT_INTERFACE  ARK_BUS_NAME ".Product"
#define PROPERTIES_INTERFACE   "org.freedesktop.DBus.Properties"

/* Exit codes, as arkctl(1) documents them. */
typedef enum ExitCode {
        CTL_OK = 0,
        CTL_FAILED = 1,
        CTL_USAGE = 2, /* the command line, or a value on it, is not valid */
        CTL_NOT_FOUND = 3, /* no such instance or product, or several that an abbreviation fits */
        CTL_DENIED = 4, /* the caller may not do this */
        CTL_UNAVAILABLE = 5, /* arkd, the bus, the engine or the store cannot be reached */
        CTL_INTERRUPTED = 130, /* Ctrl-C while a deploy was followed */
} ExitCode;

typedef enum JsonMode {
        JSON_OFF,
        JSON_SHORT,
        JSON_PRETTY,
} JsonMode;

typedef struct Ctl {
        /* Of all verbs. Strings are the command line's. */
        JsonMode json;
        bool no_pager, no_legend, quiet, yes, no_ask_password, help, version;
        const char *host, *machine;

        /* Of some. */
        bool all, dry_run, follow, no_block, discard_files;
        const char *lines, *until, *older_than, *status, *product, *idempotency_key;

        sd_bus *bus; /* from ctl_connect() on */
        pid_t pager, agent; /* 0 while there is none */
} Ctl;

/* Whether arkd is the one of the host that arkctl runs on. */
bool ctl_is_local(const Ctl *ctl);

/* Ends pager and agent, closes the bus. */
void ctl_done(Ctl *ctl);

/* Says on standard error what went wrong, in red on a terminal. A line feed is added. */
void ctl_error(const char *format, ...) _printf_(1, 2);
/* Likewise, for what the user should know but that is no failure. */
void ctl_warning(const char *format, ...) _printf_(1, 2);
/* Says on standard error what goes on, unless --quiet. */
void ctl_note(const Ctl *ctl, const char *format, ...) _printf_(2, 3);
/* Out of memory and the like: says so, answers CTL_FAILED. */
ExitCode ctl_failed(int error, const char *what);
