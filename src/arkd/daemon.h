/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "arkd/arkd-config.h"

/* Everything that arkd consists of, wired together. */
typedef struct Daemon Daemon;

/* Connects to engine and store from the loop, without waiting for them; listens. 0 or negative errno, logged. */
int daemon_new(sd_event *event, const Config *config, Daemon **ret);
Daemon *daemon_free(Daemon *daemon);
DEFINE_CLEANUP_FUNC(Daemon, daemon_free);
