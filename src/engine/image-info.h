/* SPDX-License-Identifier: MIT */
#pragma once

#include "engine/task.h"

/* What an image that is there says for itself, as EngineVTable in core/ports.h says. -EINVAL for what is no reference of
 * an image. */
int engine_image_info(EngineClient *c, const char *image, uint64_t timeout_usec, ImageInfoDone done,
                void *userdata, Pending **ret_pending);
