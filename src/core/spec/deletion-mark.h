/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/registry/context.h"

/*
 * What has been deleted leaves a mark beside the compose files, so that no older copy of the store brings it back. It
 * stays for a year, or longer where TombstoneDays= is long.
 */

void deletion_mark(Manager *manager, const char *instance_id, uint64_t when_usec);
bool deletion_is_marked(const Manager *manager, const char *instance_id);
/* Removes marks whose time is over; once a day. */
void deletion_prune(Manager *manager);
