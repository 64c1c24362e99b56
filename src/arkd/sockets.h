/* SPDX-License-Identifier: MIT */
#pragma once

#include "http/server.h"

/* Hands the sockets that the service manager passed (sd_listen_fds(3)) to the server, by their names: public, admin,
 * local. Answers how many there were, or a negative errno, logged. */
int sockets_take(HttpServer *server);

/*
 * For a daemon that is not going to start: closes the connections that wait on those sockets. Left waiting, they would
 * have the service manager start it again at once, and again; closed, whoever sent them is told now.
 */
void sockets_turn_away(void);
