/* SPDX-License-Identifier: MIT */
#include "arkctl/instances.h"

#include <errno.h>

#include "arkctl/objects.h"
#include "arkctl/resolve.h"
#include "basic/string-util.h"

ExitCode instances_resolve(Ctl *ctl, char **words, char ***ret_ids)
{
        _cleanup_(strv_freep) char **ids = NULL;

        for (char **word = words; *word; word++) {
                _cleanup_free_ char *id = NULL;
                ExitCode e = resolve_instance(ctl, *word, &id);

                if (e != CTL_OK)
                        return e;
                if (strv_extend(&ids, id) < 0)
                        return ctl_failed(ENOMEM, "The instances cannot be looked for");
        }
        *ret_ids = TAKE_PTR(ids);
        return CTL_OK;
}

ExitCode instances_run(Ctl *ctl, const char *verb, char **ids, InstanceAction action, void *userdata)
{
        ExitCode result = CTL_OK;

        for (char **id = ids; id && *id; id++) {
                _cleanup_free_ char *act = str_printf("%s %s", verb, *id), *path = NULL;
                ExitCode e;

                if (!act || instance_path(*id, &path) < 0)
                        return ctl_failed(ENOMEM, "The instance cannot be named");
                e = action(ctl, act, *id, path, userdata);
                if (e == CTL_NOT_FOUND)
                        resolve_suggest_instance(ctl, *id);
                result = e != CTL_OK ? e : result;
        }
        return result;
}

ExitCode instances_each(Ctl *ctl, const char *verb, char **words, InstanceAction action, void *userdata)
{
        _cleanup_(strv_freep) char **ids = NULL;
        ExitCode e = instances_resolve(ctl, words, &ids);

        return e == CTL_OK ? instances_run(ctl, verb, ids, action, userdata) : e;
}
