/* SPDX-License-Identifier: MIT */
#include "arkctl/client.h"

#include <errno.h>
#include <stdarg.h>

#include "basic/string-util.h"

#define ARK_ERROR(name) ARK_BUS_NAME ".Error." name
#define BUS_ERROR(name) "org.freedesktop.DBus.Error." name

#define START_ARKD "Is arkd installed and well? See \"systemctl status arkd\" and \"arkctl status\"."
#define TOO_OLD    "The arkd that runs there is older than this arkctl: upgrade its package."

/* Errors of the bus, what they exit with and what helps. */
static const struct {
        const char *name;
        ExitCode code;
        const char *remedy;
} bus_errors[] = {
        { ARK_ERROR("NoSuchProduct"), CTL_NOT_FOUND, "\"arkctl product list\" shows those there are." },
        { ARK_ERROR("NoSuchInstance"), CTL_NOT_FOUND, "\"arkctl list\" shows those there are." },
        { ARK_ERROR("InvalidArgument"), CTL_USAGE, NULL },
        { ARK_ERROR("QuotaExceeded"), CTL_FAILED,
                        "Delete instances first, or raise the limit in arkd.conf(5)." },
        { ARK_ERROR("HostFull"), CTL_UNAVAILABLE,
                        "\"arkctl status\" says what is left. What must be is in arkd.conf(5), "
                        "MinFreeDisk=." },
        { ARK_ERROR("InUse"), CTL_FAILED, NULL },
        { ARK_ERROR("EngineUnavailable"), CTL_UNAVAILABLE, "\"arkctl status\" says what is wrong." },
        { ARK_ERROR("StoreUnavailable"), CTL_UNAVAILABLE, "\"arkctl status\" says what is wrong." },
        { ARK_ERROR("NotIsolated"), CTL_UNAVAILABLE, "\"arkctl status\" says what is wrong." },
        { BUS_ERROR("UnknownObject"), CTL_NOT_FOUND, NULL },
        { BUS_ERROR("InvalidArgs"), CTL_USAGE, NULL },
        { BUS_ERROR("AccessDenied"), CTL_DENIED,
                        "Try again as root, or ask an administrator for the polkit right; see arkctl(1)." },
        { BUS_ERROR("InteractiveAuthorizationRequired"), CTL_DENIED,
                        "Try again as root, or on a terminal where polkit can ask for a password." },
        { BUS_ERROR("ServiceUnknown"), CTL_UNAVAILABLE, START_ARKD },
        { BUS_ERROR("NameHasNoOwner"), CTL_UNAVAILABLE, START_ARKD },
        { BUS_ERROR("NoServer"), CTL_UNAVAILABLE, START_ARKD },
        { BUS_ERROR("NoReply"), CTL_UNAVAILABLE, START_ARKD },
        { BUS_ERROR("Timeout"), CTL_UNAVAILABLE, START_ARKD },
        { BUS_ERROR("TimedOut"), CTL_UNAVAILABLE, START_ARKD },
        { BUS_ERROR("Disconnected"), CTL_UNAVAILABLE, START_ARKD },
        { BUS_ERROR("LimitsExceeded"), CTL_UNAVAILABLE, "Try again when fewer calls are under way." },
        { BUS_ERROR("UnknownMethod"), CTL_FAILED, TOO_OLD },
        { BUS_ERROR("UnknownInterface"), CTL_FAILED, TOO_OLD },
        { BUS_ERROR("UnknownProperty"), CTL_FAILED, TOO_OLD },
        { BUS_ERROR("NotSupported"), CTL_FAILED, TOO_OLD },
};

static size_t bus_error_index(const char *name)
{
        size_t i = 0;

        while (i < ELEMENTSOF(bus_errors) && !(name && streq(bus_errors[i].name, name)))
                i++;
        return i;
}

static bool is_lost_connection(int r)
{
        return r == -ECONNRESET || r == -ENOTCONN || r == -ECONNREFUSED || r == -ENOENT || r == -EPIPE ||
               r == -ETIMEDOUT || r == -EHOSTDOWN || r == -ESHUTDOWN;
}

ExitCode bus_exit_code(const char *name, int r)
{
        size_t i = bus_error_index(name);

        if (i < ELEMENTSOF(bus_errors))
                return bus_errors[i].code;
        if (name && startswith(name, BUS_ERROR("Spawn.")))
                return CTL_UNAVAILABLE;
        if (r == -EACCES || r == -EPERM)
                return CTL_DENIED;
        return is_lost_connection(r) ? CTL_UNAVAILABLE : CTL_FAILED;
}

const char *bus_remedy(const char *name, int r)
{
        size_t i = bus_error_index(name);

        if (i < ELEMENTSOF(bus_errors))
                return bus_errors[i].remedy;
        return bus_exit_code(name, r) == CTL_UNAVAILABLE ? START_ARKD : NULL;
}

bool bus_is_unknown(const sd_bus_error *error)
{
        size_t i = bus_error_index(error->name);

        return i < ELEMENTSOF(bus_errors) && streq_ptr(bus_errors[i].remedy, TOO_OLD);
}

static const char *full_stop(const char *sentence)
{
        size_t n = strlen(sentence);

        return n > 0 && strchr(".?!", sentence[n - 1]) ? "" : ".";
}

ExitCode ctl_report(const Ctl *ctl, const char *act, int r, const sd_bus_error *error)
{
        const char *name = error ? error->name : NULL;
        const char *reason = error && error->message ? error->message : strerror(abs(r));
        const char *remedy = bus_remedy(name, r), *more = strstr(reason, ". ");
        _cleanup_free_ char *first = NULL;

        /* A reason of several sentences says itself what to do; but what the bus is to allow is arkctl's own affair. */
        if (more && streq_ptr(name, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                first = strndup(reason, (size_t) (more - reason));
        else if (more)
                remedy = NULL;
        if (ctl->host && bus_exit_code(name, r) == CTL_DENIED)
                remedy = "Over ssh nobody can be asked for a password: use -H root@HOST, or ask an "
                         "administrator there for the polkit right; see arkctl(1).";
        if (first)
                reason = first;
        ctl_error("Cannot %s: %s%s%s%s", act, reason, full_stop(reason), remedy ? " " : "",
                        strempty(remedy));
        return bus_exit_code(name, r);
}

static ExitCode refuse_machine(const Ctl *ctl, int r)
{
        if (r == -EACCES || r == -EPERM) {
                ctl_error("Cannot reach the bus of the container %s: entering a container needs root. Try "
                          "again as root.",
                                ctl->machine);
                return CTL_DENIED;
        }
        ctl_error("Cannot reach the bus of the container %s: %s. \"machinectl list\" shows those that run.",
                        ctl->machine, r == -EHOSTDOWN ? "none of that name runs" : strerror(abs(r)));
        return CTL_UNAVAILABLE;
}

static ExitCode refuse_connection(const Ctl *ctl, int r)
{
        const char *reason = strerror(abs(r));

        if (ctl->machine)
                return refuse_machine(ctl, r);
        if (ctl->host)
                ctl_error("Cannot reach the bus of %s over ssh: %s. Does \"ssh %s\" work, and is arkd "
                          "installed there?",
                                ctl->host, reason, ctl->host);
        else
                ctl_error("Cannot reach the system bus: %s. Is dbus running? See \"systemctl status dbus\".",
                                reason);
        return CTL_UNAVAILABLE;
}

ExitCode ctl_connect(Ctl *ctl)
{
        const char *name;
        int r;

        if (ctl->host)
                r = sd_bus_open_system_remote(&ctl->bus, ctl->host);
        else if (ctl->machine)
                r = sd_bus_open_system_machine(&ctl->bus, ctl->machine);
        else
                r = sd_bus_open_system(&ctl->bus);
        /* Through ssh the connection shows only now whether it is one. */
        if (r >= 0)
                r = sd_bus_get_unique_name(ctl->bus, &name);
        if (r < 0)
                return refuse_connection(ctl, r);
        (void) sd_bus_set_allow_interactive_authorization(ctl->bus, !ctl->no_ask_password);
        return CTL_OK;
}

static int ctl_tryv(Ctl *ctl, const char *path, const char *interface, const char *member,
                sd_bus_error *error, sd_bus_message **ret, const char *types, va_list ap)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(ctl->bus, &call, ARK_BUS_NAME, path, interface, member);
        if (r >= 0 && types)
                r = sd_bus_message_appendv(call, types, ap);
        if (r < 0)
                return r;
        return sd_bus_call(ctl->bus, call, UINT64_MAX, error, ret);
}

int ctl_try(Ctl *ctl, const char *path, const char *interface, const char *member, sd_bus_error *error,
                sd_bus_message **ret, const char *types, ...)
{
        va_list ap;
        int r;

        va_start(ap, types);
        r = ctl_tryv(ctl, path, interface, member, error, ret, types, ap);
        va_end(ap);
        return r;
}

ExitCode ctl_call(Ctl *ctl, const char *act, const char *path, const char *interface, const char *member,
                sd_bus_message **ret, const char *types, ...)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        va_list ap;
        int r;

        va_start(ap, types);
        r = ctl_tryv(ctl, path, interface, member, &error, ret, types, ap);
        va_end(ap);
        return r < 0 ? ctl_report(ctl, act, r, &error) : CTL_OK;
}
