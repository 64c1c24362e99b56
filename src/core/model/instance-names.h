/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"

/* Names of what belongs to an instance; all follow from its id. */
typedef struct InstanceNames {
        char database[INSTANCE_ID_LENGTH + 8];
        char volume[INSTANCE_ID_LENGTH + 16];
        char network[INSTANCE_ID_LENGTH + 8];
        char bridge[16];
        char slice[INSTANCE_ID_LENGTH + 16];
        char base_path[INSTANCE_ID_LENGTH + 16];
} InstanceNames;

/* Fills in the names of what belongs to that instance. */
void instance_names(const Instance *instance, InstanceNames *ret);
