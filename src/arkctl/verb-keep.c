/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "arkctl/client.h"
#include "arkctl/instances.h"
#include "arkctl/text.h"
#include "arkctl/verbs.h"
#include "basic/time-util.h"

static ExitCode keep_one(Ctl *ctl, const char *act, const char *id, const char *path, void *userdata)
{
        const uint64_t *until = userdata;
        char moment[TEXT_SHORT_MAX];
        ExitCode e;

        e = ctl_call(ctl, act, path, ARK_INSTANCE_INTERFACE, "SetExpiry", NULL, "t", *until);
        if (e == CTL_OK && *until == UINT64_MAX)
                ctl_note(ctl, "%s is kept until it is deleted.", id);
        else if (e == CTL_OK)
                ctl_note(ctl, "%s is kept until %s.", id, text_moment(*until, moment));
        return e;
}

ExitCode verb_keep(Ctl *ctl, char **arguments)
{
        uint64_t until = UINT64_MAX;
        int r = 0;

        if (ctl->until)
                r = text_parse_moment(ctl->until, now_realtime(), &until);
        if (r == -ERANGE) {
                ctl_error("--until=%s is over already, or too far away. To be rid of an instance now, use "
                          "\"arkctl delete\".",
                                ctl->until);
                return CTL_USAGE;
        }
        if (r < 0) {
                ctl_error("--until=%s is not a moment. Give a date such as 2027-01-31, a time span such as "
                          "90d, or \"forever\".",
                                ctl->until);
                return CTL_USAGE;
        }
        return instances_each(ctl, "keep", arguments, keep_one, &until);
}
