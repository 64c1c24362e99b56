/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)
#define _cleanup_error_   _cleanup_(sd_bus_error_free)

/* Connects to the system bus, here or where -H and -M say. CTL_OK or CTL_UNAVAILABLE, having said why. */
ExitCode ctl_connect(Ctl *ctl);

/*
 * Calls a method of the daemon and waits for its reply however long it takes: it may come at the end of a job. On
 * failure says "Cannot ACT: reason", with what to do, and answers what to exit with. ret may be NULL. types NULL: no
 * arguments.
 */
ExitCode ctl_call(Ctl *ctl, const char *act, const char *path, const char *interface, const char *member,
                sd_bus_message **ret, const char *types, ...);
#define ctl_call_manager(ctl, act, member, ret, ...)                                                        \
        ctl_call(ctl, act, ARK_BUS_PATH, ARK_MANAGER_INTERFACE, member, ret, __VA_ARGS__)

/* Likewise, but leaves it to the caller to say what went wrong: negative errno, and error set where there is more to
 * say. */
int ctl_try(Ctl *ctl, const char *path, const char *interface, const char *member, sd_bus_error *error,
                sd_bus_message **ret, const char *types, ...);

/* Says "Cannot ACT: reason" for a failed call, and answers what to exit with. error may be NULL or unset. */
ExitCode ctl_report(const Ctl *ctl, const char *act, int r, const sd_bus_error *error);

/* What a failure of the bus exits with. name: of the error, or NULL where there is but the errno r. */
ExitCode bus_exit_code(const char *name, int r);
/* What to do about it, a sentence, or NULL where the error itself says all. */
const char *bus_remedy(const char *name, int r);

/* Whether the daemon does not know the method or property at all: it is older than this arkctl. */
bool bus_is_unknown(const sd_bus_error *error);
