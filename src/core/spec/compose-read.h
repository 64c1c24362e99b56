/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>

/* Reads a compose file back, as JSON: -ENOENT, -EFBIG, or what open(2) says; -EBADMSG where it is no YAML, or none that
 * arkd would write. */
int compose_read(const char *compose_dir, const char *instance_id, struct json_object **ret);
