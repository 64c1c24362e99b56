/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/client.h"

/*
 * The filters of lists and of the event stream, as JSON that is escaped for a URL. Each is a new string that the caller
 * frees; NULL when out of memory.
 */

/* {"label": ["network.ark.deployment=<id>"]}: all that is this deployment's. of_events: with the type and the names of
 * the events that are of interest. */
char *engine_filters(const EngineClient *c, bool of_events);

/* Containers of the instance whose id name begins with (it has at least that length); role: the ones with that role
 * only, or NULL for all of them. */
char *engine_container_filters(const EngineClient *c, const char *name, const char *role);

/* The text as a part of a URL. A new string that the caller frees; NULL for NULL and when out of memory. */
char *engine_escape(const char *text);
