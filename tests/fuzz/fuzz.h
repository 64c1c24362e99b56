/* SPDX-License-Identifier: MIT */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "basic/log.h"

/* What libFuzzer calls, of each target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the inputs are refused for is not printed a million times. */
static inline void fuzz_quiet(void)
{
        log_set_max_level(LOG_EMERG);
}
