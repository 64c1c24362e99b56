/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/ports.h"
#include "engine/client.h"

/*
 * What the engine tells by itself: it keeps the event stream open, and takes its end for the loss of the
 * connection; so it does where the engine hangs, which is noticed within 40 s. While away it asks again with pauses
 * that grow from 100 ms to 5 s, and start anew once it was connected for that long. After each return the stream is
 * resumed a little before where it broke off, and what was told of before is left out. It can still miss events
 * (the engine remembers 256): list after every connection.
 */
typedef struct EngineEvents EngineEvents;

/* Begins at once; the handlers are called from the loop. */
int engine_events_new(EngineClient *c, EngineEvents **ret);
EngineEvents *engine_events_free(EngineEvents *e);
DEFINE_CLEANUP_FUNC(EngineEvents, engine_events_free);

/* Any handler may be NULL. Where it is connected already, on_connected is called for that soon. */
void engine_events_watch(
                EngineEvents *e, ConnectedHandler on_connected, EngineEventHandler on_event, void *userdata);
bool engine_events_is_connected(const EngineEvents *e);
