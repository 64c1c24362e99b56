/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/registry/context.h"
#include "core/verbs/request.h"

/*
 * The request that started the daemon waits until the store is loaded and the engine has answered, a few seconds at the
 * most, and others of that time with it.
 */

/* Holds the request and answers true where it is early days and what it needs is not there yet. go_on is called once it
 * is, or the time is over; it ends the request from the loop at the earliest. */
bool hold_request(Request *request, void (*go_on)(Request *request));

/* Something that requests wait for may be there now. */
void hold_release(Manager *manager);
