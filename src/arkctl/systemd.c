/* SPDX-License-Identifier: MIT */
#include "arkctl/systemd.h"

#include <errno.h>
#include <stdio.h>

#include "basic/string-util.h"

#define SYSTEMD_NAME    "org.freedesktop.systemd1"
#define SYSTEMD_PATH    "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD_NAME ".Manager"
#define SYSTEMD_UNIT    SYSTEMD_NAME ".Unit"
#define SYSTEMD_SERVICE SYSTEMD_NAME ".Service"

static int read_state(Ctl *ctl, const char *path, const char *property, char state[32])
{
        _cleanup_free_ char *text = NULL;
        int r;

        r = sd_bus_get_property_string(ctl->bus, SYSTEMD_NAME, path, SYSTEMD_UNIT, property, NULL, &text);
        if (r >= 0)
                (void) snprintf(state, 32, "%s", text);
        return r;
}

int unit_read(Ctl *ctl, const char *name, UnitState *ret)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        UnitState state = { 0 };
        const char *path;
        int r;

        /* Load and not get: a unit that never ran is not in memory. */
        r = sd_bus_call_method(ctl->bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit", NULL,
                        &reply, "s", name);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        (void) snprintf(state.path, sizeof state.path, "%s", path);
        r = read_state(ctl, path, "LoadState", state.load);
        if (r >= 0)
                r = read_state(ctl, path, "ActiveState", state.active);
        if (r < 0)
                return r;
        *ret = state;
        return 0;
}

bool unit_is_active(const UnitState *state)
{
        return streq(state->active, "active") || streq(state->active, "reloading");
}

bool unit_is_there(const UnitState *state)
{
        return !streq(state->load, "not-found") && *state->load;
}

int unit_read_status(Ctl *ctl, const UnitState *state, char **ret_text, int *ret_errno)
{
        _cleanup_free_ char *text = NULL;
        int r, error = 0;

        r = sd_bus_get_property_string(
                        ctl->bus, SYSTEMD_NAME, state->path, SYSTEMD_SERVICE, "StatusText", NULL, &text);
        if (r >= 0)
                r = sd_bus_get_property_trivial(ctl->bus, SYSTEMD_NAME, state->path, SYSTEMD_SERVICE,
                                "StatusErrno", NULL, 'i', &error);
        if (r < 0)
                return r;
        *ret_text = TAKE_PTR(text);
        *ret_errno = error;
        return 0;
}

int unit_read_u64(
                Ctl *ctl, const UnitState *state, const char *interface, const char *property, uint64_t *ret)
{
        _cleanup_free_ char *full = str_printf("%s.%s", SYSTEMD_NAME, interface);
        uint64_t value;
        int r;

        if (!full)
                return -ENOMEM;
        r = sd_bus_get_property_trivial(
                        ctl->bus, SYSTEMD_NAME, state->path, full, property, NULL, 't', &value);
        if (r < 0)
                return r;
        if (value == UINT64_MAX)
                return -ENODATA;
        *ret = value;
        return 0;
}
