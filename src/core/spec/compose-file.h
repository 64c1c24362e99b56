/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/spec.h"

/* Where the compose file of an instance is. To be freed; NULL when out of memory. */
char *compose_path(const char *compose_dir, const char *instance_id);

/* Writes it, without waiting for the disk: what a power cut takes of it, compose_tend() makes again. */
int compose_write(Manager *manager, const InstanceSpec *spec);

/* Removes it, and what a write that was cut short left of it; that it is not there is no failure. 0, -ENOMEM or what
 * unlink(2) says. */
int compose_remove(const char *compose_dir, const char *instance_id);

/* After the instances have been read: removes the files of nobody, and makes those again, little by little, that are
 * not what they should be. */
void compose_tend(Manager *manager);
void compose_tend_cancel(Manager *manager);

/* The compose file of an instance: what runs, in the words of docker compose. Holds secrets. */
int compose_format(const InstanceSpec *spec, char **ret_text);
