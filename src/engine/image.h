/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* The engine's images. Two that want the same image at the same time share one pull. */
typedef struct EngineImages EngineImages;

int engine_images_new(EngineClient *c, EngineImages **ret);
/* All calls must have ended or been cancelled before; pulls that nobody waits for end with it. */
EngineImages *engine_images_free(EngineImages *images);
DEFINE_CLEANUP_FUNC(EngineImages, engine_images_free);

/* As EngineVTable in core/ports.h says. A pull goes on when its last waiter has given up, while it makes progress and
 * for half an hour at most. progress is called a few times a second at most. */
int engine_image_ensure(EngineImages *images, const char *image, uint64_t timeout_usec,
                PullProgress progress, PortDone done, void *userdata, Pending **ret_pending);
