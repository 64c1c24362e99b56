/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/socket.h>

#include "basic/macro.h"

/* An IPv4 or IPv6 address; an IPv4 address mapped into IPv6 is its IPv4 self. */
typedef struct Address {
        int family; /* AF_INET or AF_INET6 */
        unsigned char bytes[16];
} Address;

typedef struct Network {
        Address address;
        unsigned bits;
} Network;

/* 0 or -EINVAL. No zone, no port. */
int address_parse(const char *s, Address *ret);
bool address_is_loopback(const Address *address);

/* "addr:…": the address, or for IPv6 its /64, which is what one subscriber has. NULL when out of memory. */
char *address_identity(const Address *address);

/* ADDRESS/BITS, or an address by itself. 0 or -EINVAL. */
int network_parse(const char *s, Network *ret);
bool network_contains(const Network *network, const Address *address);
