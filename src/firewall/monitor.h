/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macro.h"

/* What changed on this host. Hints: several changes may be told as one, and one that was missed is told as all. */
typedef enum MonitorChange {
        MONITOR_TABLES = 1 << 0, /* tables of this firewall's name, by anybody */
        MONITOR_OTHER_TABLES = 1 << 1,
        MONITOR_ADDRESSES = 1 << 2, /* of this host's interfaces */
        MONITOR_RESOLVERS = 1 << 3, /* the files that name the host's resolvers */
} MonitorChange;

typedef void (*MonitorHandler)(MonitorChange changes, void *userdata);

typedef struct Monitor Monitor;

/* Calls handler from the loop. */
int monitor_new(sd_event *event, MonitorHandler handler, void *userdata, Monitor **ret);
Monitor *monitor_free(Monitor *monitor);
DEFINE_CLEANUP_FUNC(Monitor, monitor_free);
