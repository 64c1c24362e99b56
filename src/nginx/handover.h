/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * How nginx, which has no capability, comes to listen on ports below 1024. Before a start, arkd-nginx-bind opens them as
 * root and leaves the sockets with systemd, in the service's store of file descriptors. systemd passes them to what it
 * starts next, arkd-nginx-config, and this to nginx, in the way in which nginx hands them to a newer nginx.
 *
 * The store is only the way there: once nginx has a socket, nobody else does, and it closes when nginx ends or is
 * configured not to listen.
 */

/* Leaves the sockets with systemd. Without it, does nothing. */
int handover_store(const int *fds, size_t n);

/* Takes over at most max sockets that systemd passes on; answers how many, or a negative errno. */
int handover_receive(int *ret_fds, size_t max);

/*
 * Runs nginx with the sockets and returns once it has written its pid file, as it does after it has begun to listen.
 * Logs what fails.
 */
int handover_start(char *const command[], const int *fds, size_t n, const char *pid_file);
