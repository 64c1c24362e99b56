/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

#include "core/registry/context.h"

/* Takes in the record job:<id>, once the instances are there: it goes on, is left to a newer version, or is dropped. */
void load_job(Manager *manager, const char *id, struct json_object *json);
