/* SPDX-License-Identifier: MIT */
#pragma once

#include "glue/redis-glue.h"

/*
 * The functions of redis-glue.h, with a connection that is answered from the fuzzer's input: one reply a command, in
 * lines as Redis' own protocol has them, but that what is too long or too deep for its place is nil:
 *
 *     $text    :number    +status    -error    _ (nil)    *N and its N elements    =N and N bytes of text
 *
 * and instead of a reply "!", the loss of the connection, or "~", silence. When the input is used up, nobody can be
 * connected to.
 */
typedef struct FakeRedis {
        const char *input, *end;
        unsigned n_told, n_refused; /* replies that the input had, and connections that it did not have */
        unsigned n_live; /* connections */
} FakeRedis;

extern FakeRedis fake_redis;

void fake_redis_begin(const char *input, size_t n);
