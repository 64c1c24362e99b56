/* SPDX-License-Identifier: MIT */
#include "core/upkeep/watched.h"

#include "core/model/instance.h"
#include "core/upkeep/health.h"

bool instance_is_watched(const Instance *i)
{
        return i->stored && !i->job && !(i->health && i->health->restarting) &&
               i->timeline[PHASE_READY] != TIMELINE_UNSET &&
               (i->status == INSTANCE_RUNNING || i->status == INSTANCE_FAILED);
}
