/* SPDX-License-Identifier: MIT */
#include "arkctl/ask.h"
#include "arkctl/instances.h"
#include "arkctl/objects.h"
#include "arkctl/resolve.h"
#include "arkctl/verbs.h"
#include "basic/string-util.h"

/* Asks once, naming what there is to lose. */
static ExitCode ask_about(Ctl *ctl, char **ids)
{
        _cleanup_(instance_view_done) InstanceView view = { 0 };
        size_t n = strv_length(ids);
        ExitCode e;

        if (ctl->yes)
                return CTL_OK;
        if (n > 1)
                return ask(ctl, "Delete %zu instances, their databases and all their data?", n);
        e = instance_view_read(ctl, "delete the instance", ids[0], &view);
        if (e == CTL_NOT_FOUND)
                resolve_suggest_instance(ctl, ids[0]);
        if (e != CTL_OK)
                return e;
        return ask(ctl, "Delete %s (%s for %s), its database and all its data?", ids[0],
                        strempty(view.product_id), strempty(view.client_name));
}

static ExitCode delete_one(Ctl *ctl, const char *act, const char *id, const char *path, void *userdata)
{
        ExitCode e = ctl_call_manager(ctl, act, "DeleteInstance", NULL, "s", id);

        if (e == CTL_OK)
                ctl_note(ctl, "Deleted %s.", id);
        return e;
}

ExitCode verb_delete(Ctl *ctl, char **arguments)
{
        _cleanup_(strv_freep) char **ids = NULL;
        ExitCode e;

        e = instances_resolve(ctl, arguments, &ids);
        if (e == CTL_OK)
                e = ask_about(ctl, ids);
        return e == CTL_OK ? instances_run(ctl, "delete", ids, delete_one, NULL) : e;
}
