/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/reference.h"
#include "engine/stream.h"
#include "engine/task.h"

/* How far a pull is, told by the engine layer by layer. */
typedef struct EnginePullState EnginePullState;

EnginePullState *engine_pull_state_new(void);
EnginePullState *engine_pull_state_free(EnginePullState *s);
/* Takes in one document of the stream. 0 or -ENOMEM. */
int engine_pull_state_take(EnginePullState *s, struct json_object *document);
/* Bytes over all layers known so far; half of a layer is its download, half its extraction. */
void engine_pull_state_sum(const EnginePullState *s, uint64_t *ret_current, uint64_t *ret_total);
/* What the stream said went wrong, or NULL. */
const char *engine_pull_state_error(const EnginePullState *s);

/* Pulls an image without a deadline of its own. changed is called, from the loop, after news of its progress; it
 * must not cancel the pull. */
int engine_pull(EngineClient *c, const char *image,
                void (*changed)(const EnginePullState *s, void *userdata), PortDone done, void *userdata,
                Pending **ret_pending);
