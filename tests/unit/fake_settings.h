/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/time-util.h"
#include "core/manager.h"
#include "core/model/instance-url.h"

/* What tests of core have configured; where compose files go is theirs to add. */
static const ManagerSettings fake_settings = {
        .base_url = "http://host.example:3000",
        .applications = { .port = APPLICATIONS_PORT_DEFAULT },
        .deployment = "d1",
        .subnet_pool = "10.231.0.0/16",
        .expires_usec = 30 * USEC_PER_DAY,
        .tombstone_usec = 30 * USEC_PER_DAY,
        .stop_s = 10,
        .database_stop_s = 60,
        .workers = 4,
        .queue_max = 100,
        .retry_max = 5,
        .instances_max = 900,
        .quota_total = 100,
        .quota_identity = 5,
        .quota_rate = 10,
        .admission = { .disk = 1 << 30, .memory = 1 << 28, .pressure = 60 },
        .users = { .first = 20000, .last = 59999 },
        .limits = { .app = { .memory = 1 << 30, .nano_cpus = 1000000000, .pids = 512, .files = 65536 },
                        .database = { .memory = 512 << 20,
                                        .nano_cpus = 1000000000,
                                        .pids = 512,
                                        .files = 65536 },
                        .log = 10 << 20 },
};
