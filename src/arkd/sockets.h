/* SPDX-License-Identifier: MIT */
#pragma once

#include "http/server.h"

/* Hands the sockets that the service manager passed (sd_listen_fds(3)) to the server, by their names: public, admin,
 * local. Answers how many there were, or a negative errno, logged. */
int sockets_take(HttpServer *server);
