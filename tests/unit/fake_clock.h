/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/*
 * Time as the tests want it. The tests are linked with --wrap for now_realtime(), now_boottime(),
 * now_monotonic(), sd_event_add_time() and sd_event_add_time_relative(), so that core's clocks and timers are these:
 * they stand still until a test moves them, and an hour passes in no time.
 */

/* Stands at an arbitrary moment, without timers. */
void fake_clock_reset(void);

/* Microseconds since the reset. */
uint64_t fake_clock_now(void);

/* The time at which the earliest timer is due, UINT64_MAX where there is none. Those for upkeep, which may be a second
 * late, count only once they are due: they would keep a test going for ever. */
uint64_t fake_clock_next(void);

/* Moves to a time that is not before now; timers are not fired. */
void fake_clock_move(uint64_t usec);

/* Somebody sets the wall clock, so much forward or back; no time passes by it. */
void fake_clock_set(int64_t usec);

/* Moves to the earliest timer and has the loop fire it. */
void fake_clock_fire(void);
