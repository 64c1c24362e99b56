/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "glue/curl-glue.h"

/*
 * This host's name on the tailnet, as tailscaled's LocalAPI tells it (GET /localapi/v0/status over its unix socket):
 * the DNS name, or the first address where MagicDNS is off. Asked again, ever more rarely, until it is known.
 */
typedef struct Tailnet Tailnet;

/* Called once, from the loop. */
typedef void (*TailnetHandler)(const char *host, void *userdata);

int tailnet_new(sd_event *event, CurlGlue *curl, const char *socket_path, TailnetHandler handler,
                void *userdata, Tailnet **ret);
Tailnet *tailnet_free(Tailnet *tailnet);
DEFINE_CLEANUP_FUNC(Tailnet, tailnet_free);

/* The host in a status document; to be freed. -ENODATA where it has none, -EINVAL where it is not one. */
int tailnet_parse_status(const char *text, size_t n, char **ret_host);
