/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/manager.h"

/*
 * The first moments: whoever's request has started this daemon gets an answer, and not that it has just been started.
 * Until the store has been read and the engine has answered, requests that need them are held, for a few seconds at
 * the most.
 */

/* Holds the request and answers true where it is early days and what it needs is not there yet. */
bool hold_request(Request *request);

/* Something that requests wait for may be there now. */
void hold_release(Manager *manager);

/* Takes a request that dies out of the list. */
void hold_forget(Request *request);
