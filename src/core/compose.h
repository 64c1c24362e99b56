/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/spec.h"

/* Where the compose file of an instance is. To be freed; NULL when out of memory. */
char *compose_path(const char *compose_dir, const char *instance_id);

/* Removes it; that it is not there is no failure. 0, -ENOMEM or what unlink(2) says. */
int compose_remove(const char *compose_dir, const char *instance_id);

/* The compose file of an instance: what runs, in the words of docker compose. Holds secrets. */
int compose_format(const InstanceSpec *spec, char **ret_text);
