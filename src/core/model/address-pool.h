/* SPDX-License-Identifier: MIT */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "basic/macro.h"

#define ADDRESS_TEXT_MAX 24 /* "255.255.255.255/32" and its NUL */

/*
 * The addresses that arkd gives out, from one pool (10.231.0.0/16). The first /20 is the ingress network, with one
 * address an application; the rest is cut into /28, one for each instance's private network.
 *
 * Docker itself gives a freed address to the next container at once, and whoever still has a route to it then
 * reaches a stranger. So an ingress address that was released rests for an hour.
 */
typedef struct AddressPool AddressPool;

#define ADDRESS_REST_USEC (UINT64_C(3600) * 1000000)

/* pool: IPv4 network of /12 to /19, not within 100.64.0.0/10 (Tailscale's own). -EINVAL otherwise. */
int address_pool_new(const char *pool, AddressPool **ret);
AddressPool *address_pool_free(AddressPool *pool);
DEFINE_CLEANUP_FUNC(AddressPool, address_pool_free);

/* The ingress network itself: "10.231.0.0/20" and its gateway. */
void address_pool_get_ingress(const AddressPool *pool, char ret_subnet[ADDRESS_TEXT_MAX],
                char ret_gateway[ADDRESS_TEXT_MAX]);

/* Takes a free ingress address, a free /28. now_usec: CLOCK_REALTIME. -EADDRNOTAVAIL where none is left. */
int address_pool_take_ingress(AddressPool *pool, uint64_t now_usec, char ret_address[ADDRESS_TEXT_MAX]);
int address_pool_take_subnet(AddressPool *pool, char ret_subnet[ADDRESS_TEXT_MAX]);

/* Marks what a record says it has as taken; -EINVAL where it is not of this pool, -EEXIST where it is taken. */
int address_pool_reserve_ingress(AddressPool *pool, const char *address);
int address_pool_reserve_subnet(AddressPool *pool, const char *subnet);

/* Gives back; released_usec is when the last route to it ended. NULL and foreign addresses are ignored. */
void address_pool_release_ingress(AddressPool *pool, const char *address, uint64_t released_usec);
void address_pool_release_subnet(AddressPool *pool, const char *subnet);

/* What a record says it once had: unless somebody has it, it rests as after the latest release. */
void address_pool_rest_ingress(AddressPool *pool, const char *address, uint64_t released_usec);

/* The nth address of a subnet in text form ("10.231.16.0/28", 2 → "10.231.16.2"). -EINVAL. */
int subnet_nth_address(const char *subnet, unsigned n, char ret_address[ADDRESS_TEXT_MAX]);
