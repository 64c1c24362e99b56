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

#define ADDRESS_STRING_MAX 46
/* Answers ret. */
const char *address_to_text(const Address *address, char ret[ADDRESS_STRING_MAX]);

/* Itself, or of IPv6 the first address of its /64, which is what one subscriber has. */
Address address_subscriber(const Address *address);

/* "addr:…": the address, or for IPv6 its /64, which is what one subscriber has. NULL when out of memory. */
char *address_identity(const Address *address);

/* ADDRESS/BITS, or an address by itself. 0 or -EINVAL. */
int network_parse(const char *s, Network *ret);
#define NETWORK_STRING_MAX (ADDRESS_STRING_MAX + 4)
/* ADDRESS/BITS, without bits of the address beyond these. Answers ret. */
const char *network_to_text(const Network *network, char ret[NETWORK_STRING_MAX]);
bool network_contains(const Network *network, const Address *address);

typedef struct NetworkList {
        Network *items;
        size_t n;
} NetworkList;

/* Of a NULL-terminated array. -EINVAL, which is logged with the word at fault, or -ENOMEM. */
int network_list_parse(const char *const *words, NetworkList *ret);
bool network_list_contains(const NetworkList *list, const Address *address);
void network_list_done(NetworkList *list);
