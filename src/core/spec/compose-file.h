/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/spec/spec.h"

/* The compose files on disk, one for each instance. They hold secrets: 0600, in a folder that is 0700. */

/* Where the compose file of an instance is. To be freed; NULL when out of memory. */
char *compose_path(const char *compose_dir, const char *instance_id);

/* Beside the compose files: see generation.h. */
#define COMPOSE_GENERATION_FILE "generation"

/* Replaces a file of that name there, without waiting for the disk; makes the folder where it is missing. */
int compose_write_text(Manager *manager, const char *name, const char *text);

/* The ids of the instances that have one; NULL where none has. 0 or a negative errno. */
int compose_list(const char *compose_dir, char ***ret_ids);
/* Whether a file of that name may be one, whose then, and whether its writing was cut short. */
bool compose_read_name(const char *name, char ret_id[INSTANCE_ID_LENGTH + 1], bool *ret_temporary);

/* Writes it, without waiting for the disk: what a power cut takes of it, compose_tend() makes again. */
int compose_write(Manager *manager, const InstanceSpec *spec);

/* Removes it, and what a write that was cut short left of it; that it is not there is no failure. 0, -ENOMEM or what
 * unlink(2) says. */
int compose_remove(const char *compose_dir, const char *instance_id);
