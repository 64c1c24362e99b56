/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "core/ports.h"

/* What arkd-firewall says of the isolation of instances, in a file that is there while it runs. */
typedef struct Isolation Isolation;

/* pool: SubnetPool=, which the firewall's rules must be for. The file's folder comes and goes with the firewall. */
int isolation_new(sd_event *event, const char *file, const char *pool, Isolation **ret);
Isolation *isolation_free(Isolation *isolation);
DEFINE_CLEANUP_FUNC(Isolation, isolation_free);

IsolationPort *isolation_port(Isolation *isolation);
