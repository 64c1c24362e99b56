/* SPDX-License-Identifier: MIT */
#pragma once

#include "store/link.h"

/* The number that is raised with each change of what must not be forgotten: it tells core of a store that fell behind. */

/* Whether a commit of these raises it. */
bool store_changes_generation(const StoreWrite *writes, size_t n);

/* Reads it, and tells it. As store_send(). */
int store_read_generation(Store *s);

/* Tells s->on_generation what reply says; 0 where that is no number. raised: by a commit of ours. */
void store_tell_generation(Store *s, const redisReply *reply, bool raised);
