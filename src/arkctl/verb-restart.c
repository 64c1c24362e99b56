/* SPDX-License-Identifier: MIT */
#include "arkctl/client.h"
#include "arkctl/instances.h"
#include "arkctl/verbs.h"
#include "basic/string-util.h"

static ExitCode restart_plainly(Ctl *ctl, const char *act, const char *id, const char *path)
{
        ExitCode e = ctl_call(ctl, act, path, ARK_INSTANCE_INTERFACE, "Restart", NULL, NULL);

        if (e == CTL_OK)
                ctl_note(ctl, "Restarted %s.", id);
        return e;
}

static ExitCode restart_one(Ctl *ctl, const char *act, const char *id, const char *path, void *userdata)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *note = "";
        int r;

        r = ctl->discard_files ? ctl_try(ctl, path, ARK_INSTANCE_INTERFACE, "RestartWithOptions", &error,
                                                 &reply, "a{sv}", 1, "discard_files", "b", true)
                               : ctl_try(ctl, path, ARK_INSTANCE_INTERFACE, "RestartWithOptions", &error,
                                                 &reply, "a{sv}", 0);
        if (r < 0 && bus_is_unknown(&error) && !ctl->discard_files)
                return restart_plainly(ctl, act, id, path);
        if (r >= 0)
                r = sd_bus_message_read(reply, "s", &note);
        if (r < 0)
                return ctl_report(ctl, act, r, &error);
        ctl_note(ctl, "Restarted %s.", id);
        if (*note)
                ctl_warning("%s: %s.", id, note);
        return CTL_OK;
}

/* Those whose applications were told an address that they no longer have. */
static ExitCode restart_misplaced(Ctl *ctl)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(strv_freep) char **ids = NULL;
        size_t n;
        int r;

        r = sd_bus_get_property_strv(ctl->bus, ARK_BUS_NAME, ARK_BUS_PATH, ARK_MANAGER_INTERFACE,
                        "MisplacedInstances", &error, &ids);
        if (r < 0)
                return ctl_report(ctl, "tell which instances need a restart", r, &error);
        n = strv_length(ids);
        if (n == 0)
                ctl_note(ctl, "No instance needs a restart: every application knows its present address.");
        else
                ctl_note(ctl, "%zu instance%s a restart to know %s present address.", n,
                                n == 1 ? " needs" : "s need", n == 1 ? "its" : "their");
        return instances_run(ctl, "restart", ids, restart_one, NULL);
}

ExitCode verb_restart(Ctl *ctl, char **arguments)
{
        if (ctl->all == (*arguments != NULL)) {
                ctl_error("Give the IDs of instances, or --all for those whose address is another now%s.",
                                ctl->all ? ", but not both" : "");
                return CTL_USAGE;
        }
        if (ctl->all)
                return restart_misplaced(ctl);
        return instances_each(ctl, "restart", arguments, restart_one, NULL);
}
