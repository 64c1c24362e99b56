/* SPDX-License-Identifier: MIT */
#include "core/verbs/verb.h"

#include "basic/string-util.h"

#define ARGUMENT_BYTES_DEFAULT 256

size_t argument_max_bytes(const Argument *argument)
{
        return argument->max_bytes ? argument->max_bytes : ARGUMENT_BYTES_DEFAULT;
}

const Argument *action_find_argument(const Action *action, const char *name)
{
        for (const Argument *a = action->arguments; a && a->name; a++)
                if (streq(a->name, name))
                        return a;
        return NULL;
}

const Action *action_find_in(const Action *table, const char *name)
{
        for (const Action *a = table; a->name; a++)
                if (streq(a->name, name))
                        return a;
        return NULL;
}
