/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "auth/gate.h"
#include "auth/network.h"

/*
 * Wrong tokens. Each is logged, up to a number a minute and the rest counted; an address that sends too many of them is
 * not heard for a while on that listener. Nobody else is held up by it: the right token from elsewhere goes through, and
 * so does one from this host, which is never limited.
 */
typedef struct Attempts Attempts;

#define ATTEMPTS_WINDOW_USEC (60 * USEC_PER_SEC)
/* Of one address (of IPv6, one /64) on one listener in a window. */
#define ATTEMPTS_MAX 10U
/* So many addresses are remembered; the one seen first is forgotten for another. */
#define ATTEMPTS_ADDRESSES_MAX 1024U
/* So many lines in the journal in a window. */
#define ATTEMPTS_LINES_MAX 20U

int attempts_new(sd_event *event, Attempts **ret);
Attempts *attempts_free(Attempts *attempts);
DEFINE_CLEANUP_FUNC(Attempts, attempts_free);

/* For how many seconds tokens from address are not looked at; 0: they are. NULL is this host. */
unsigned attempts_wait_s(const Attempts *attempts, ListenerKind listener, const Address *address);

/* A wrong token came from address (NULL: this host), for that verb. */
void attempts_note(Attempts *attempts, ListenerKind listener, const Address *address, const char *action);
