/* SPDX-License-Identifier: MIT */
#include "core/model/instance-names.h"

#include <stdio.h>

#include "core/model/instance-url.h"
#include "core/model/instance.h"

void instance_names(const Instance *instance, InstanceNames *ret)
{
        const char *random = instance->id + sizeof INSTANCE_ID_PREFIX - 1;

        (void) snprintf(ret->database, sizeof ret->database, "%s_db", instance->id);
        (void) snprintf(ret->volume, sizeof ret->volume, "%s_db_data", instance->id);
        (void) snprintf(ret->network, sizeof ret->network, "%s_net", instance->id);
        (void) snprintf(ret->bridge, sizeof ret->bridge, "ark%s", random);
        (void) snprintf(ret->slice, sizeof ret->slice, "ark-%s.slice", instance->id);
        (void) snprintf(ret->base_path, sizeof ret->base_path, INSTANCE_PATH "%s", instance->id);
}
