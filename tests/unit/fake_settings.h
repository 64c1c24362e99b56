/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/time-util.h"
#include "core/manager.h"

/* What tests of core have configured; where compose files go is theirs to add. */
static const ManagerSettings fake_settings = {
        .base_url = "http://host.example:3000",
        .deployment = "d1",
        .subnet_pool = "10.231.0.0/16",
        .expires_usec = 30 * USEC_PER_DAY,
        .tombstone_usec = 30 * USEC_PER_DAY,
        .workers = 4,
        .queue_max = 100,
        .retry_max = 5,
        .instances_max = 900,
        .quota_total = 100,
        .quota_identity = 5,
        .quota_rate = 10,
};
