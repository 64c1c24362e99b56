/* SPDX-License-Identifier: MIT */
#include "arkctl/client.h"
#include "arkctl/instances.h"
#include "arkctl/verbs.h"

static ExitCode restart_one(Ctl *ctl, const char *act, const char *id, const char *path, void *userdata)
{
        ExitCode e = ctl_call(ctl, act, path, ARK_INSTANCE_INTERFACE, "Restart", NULL, NULL);

        if (e == CTL_OK)
                ctl_note(ctl, "Restarted %s.", id);
        return e;
}

ExitCode verb_restart(Ctl *ctl, char **arguments)
{
        return instances_each(ctl, "restart", arguments, restart_one, NULL);
}
