/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "core/ports.h"
#include "glue/curl-glue.h"

/*
 * Asks whether what runs also answers. Reasons are short: "connection refused", "HTTP status 500",
 * "FATAL: password authentication failed for user "postgres"".
 *
 * Failures of http_get(): those of CurlReply, and -EBADMSG for a status of 500 or more. Failures of database_login():
 * those of pq-glue.h.
 */
typedef struct Probe Probe;

/* curl must outlive it. 0 or -ENOMEM. */
int probe_new(sd_event *event, CurlGlue *curl, Probe **ret);

/* All its work must have ended or been cancelled before. */
Probe *probe_free(Probe *probe);
DEFINE_CLEANUP_FUNC(Probe, probe_free);

/* The probes' port. It lives as long as the probe. */
ProbePort *probe_port(Probe *probe);
