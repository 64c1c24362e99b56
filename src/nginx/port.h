/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum PortState {
        PORT_FREE, /* nginx listens there */
        PORT_TAKEN, /* somebody else does */
        PORT_ABSENT, /* this host has no such addresses */
        PORT_WAITING, /* for a restart of nginx, which alone could take it */
        _PORT_STATE_MAX,
} PortState;

/* A port of the site, on all addresses of a family. */
typedef struct Port {
        const char *server; /* "public": served by public.conf */
        uint16_t number;
        int family; /* AF_INET or AF_INET6 */
        PortState state;
} Port;

/* Whether nginx may not listen there by itself, and is handed the socket when it starts. */
bool port_is_privileged(const Port *port);
/* Listens. Negative errno, of which -EADDRINUSE, -EAFNOSUPPORT and -EADDRNOTAVAIL are to be expected. */
int port_open(int family, uint16_t number, int *ret_fd);
/* Can the port be listened on? Negative errno where this cannot be told. */
int port_probe(int family, uint16_t number, PortState *ret);
/* Whether one of the sockets listens there. */
bool port_is_handed(const Port *port, const int *fds, size_t n);
const char *port_state_to_string(PortState state);
/* "IPv4" or "IPv6". */
const char *port_family_to_string(const Port *port);
