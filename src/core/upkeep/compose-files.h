/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/registry/context.h"

/* Keeps the compose files what they should be. */

/* After the instances have been read: removes the files of nobody, and makes those again, little by little, that are
 * not what they should be. */
void compose_tend(Manager *manager);
void compose_tend_cancel(Manager *manager);
/* Files that wait for what only the engine knows are looked at again. */
void compose_on_engine_connected(Manager *manager);
/* The same of one instance, at once: something of it has changed that its file tells. */
void compose_tend_instance(Manager *manager, const Instance *instance);
