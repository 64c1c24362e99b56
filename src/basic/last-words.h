/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/macro.h"

/*
 * Chooses which of the n lines of a log, oldest first, are shown where there is room for max: the last ones. Of a stack
 * trace the first and the last frames stand for all, so that the line above them, which says what happened, has room.
 * keep, of n, is set. Answers how many are kept.
 */
size_t last_words_choose(const char *const *lines, size_t n, size_t max, bool *keep);
