/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * Time for targets that run an event loop: it stands still while something can be done, and then jumps to the next
 * timer. Such targets are linked with --wrap for now_realtime(), now_monotonic() and what sd-event has on timers
 * (hurried_wraps in meson.build).
 */

/* Back to the beginning. There must be no timers. */
void hurried_reset(void);

/* Microseconds since then. */
uint64_t hurried_now(void);

/* Something took so long. */
void hurried_pass(uint64_t usec);

/* Does what can be done, then lets the next timer ring. False where there was neither. */
bool hurried_step(sd_event *event);

/* The loop of all inputs: a new one each time would take longer than what is tried on it. */
sd_event *hurried_event(void);
