/* SPDX-License-Identifier: MIT */
#include "basic/pending.h"

Pending *pending_cancel(Pending *pending)
{
        if (pending)
                pending->cancel(pending);
        return NULL;
}
