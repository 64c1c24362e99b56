/* SPDX-License-Identifier: MIT */
#include "core/model/address-pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "basic/parse.h"

#define INGRESS_BITS  20
#define SUBNET_BITS   28
#define INGRESS_SIZE  (1u << (32 - INGRESS_BITS))
#define SUBNET_SIZE   (1u << (32 - SUBNET_BITS))
#define INGRESS_FIRST 2 /* after the network's own address and the gateway */

typedef struct IngressSlot {
        bool taken;
        uint64_t released_usec;
} IngressSlot;

struct AddressPool {
        uint32_t base; /* host byte order */
        IngressSlot *ingress;
        uint32_t ingress_cursor; /* where the next search starts, so that addresses are reused as late as can be */
        bool *subnets;
        uint32_t n_subnets, subnet_cursor;
};

static void format_address(uint32_t address, char text[ADDRESS_TEXT_MAX])
{
        struct in_addr in = { .s_addr = htonl(address) };

        (void) inet_ntop(AF_INET, &in, text, ADDRESS_TEXT_MAX);
}

static void format_subnet(uint32_t address, unsigned bits, char text[ADDRESS_TEXT_MAX])
{
        char plain[INET_ADDRSTRLEN];
        struct in_addr in = { .s_addr = htonl(address) };

        (void) inet_ntop(AF_INET, &in, plain, sizeof plain);
        (void) snprintf(text, ADDRESS_TEXT_MAX, "%s/%u", plain, bits);
}

static int parse_address(const char *s, uint32_t *ret)
{
        struct in_addr in;

        if (inet_pton(AF_INET, s, &in) != 1)
                return -EINVAL;
        *ret = ntohl(in.s_addr);
        return 0;
}

int subnet_nth_address(const char *subnet, unsigned n, char ret_address[ADDRESS_TEXT_MAX])
{
        uint32_t base;
        unsigned bits;
        int r;

        r = parse_ipv4_network(subnet, &base, &bits);
        if (r < 0)
                return r;
        format_address(base + n, ret_address);
        return 0;
}

int address_pool_new(const char *text, AddressPool **ret)
{
        _cleanup_(address_pool_freep) AddressPool *pool = new0(AddressPool, 1);
        const uint32_t tailscale = 0x64400000; /* 100.64.0.0/10 */
        unsigned bits;
        int r;

        if (!pool)
                return -ENOMEM;
        r = parse_ipv4_network(text, &pool->base, &bits);
        if (r < 0)
                return r;
        if (bits < 12 || bits >= INGRESS_BITS || pool->base >> 22 == tailscale >> 22)
                return -EINVAL;
        pool->n_subnets = ((1u << (32 - bits)) - INGRESS_SIZE) / SUBNET_SIZE;
        pool->ingress = new0(IngressSlot, INGRESS_SIZE);
        pool->subnets = new0(bool, pool->n_subnets);
        if (!pool->ingress || !pool->subnets)
                return -ENOMEM;
        pool->ingress_cursor = INGRESS_FIRST;
        *ret = TAKE_PTR(pool);
        return 0;
}

AddressPool *address_pool_free(AddressPool *pool)
{
        if (!pool)
                return NULL;
        free(pool->ingress);
        free(pool->subnets);
        free(pool);
        return NULL;
}

void address_pool_get_ingress(const AddressPool *pool, char ret_subnet[ADDRESS_TEXT_MAX],
                char ret_gateway[ADDRESS_TEXT_MAX])
{
        format_subnet(pool->base, INGRESS_BITS, ret_subnet);
        format_address(pool->base + 1, ret_gateway);
}

static bool ingress_is_free(const IngressSlot *slot, uint64_t now_usec)
{
        return !slot->taken &&
               (slot->released_usec == 0 || slot->released_usec + ADDRESS_REST_USEC <= now_usec);
}

int address_pool_take_ingress(AddressPool *pool, uint64_t now_usec, char ret_address[ADDRESS_TEXT_MAX])
{
        const uint32_t usable = INGRESS_SIZE - INGRESS_FIRST - 1; /* less the broadcast address */

        for (uint32_t tried = 0; tried < usable; tried++) {
                uint32_t n = pool->ingress_cursor;

                pool->ingress_cursor = n + 1 < INGRESS_SIZE - 1 ? n + 1 : INGRESS_FIRST;
                if (ingress_is_free(pool->ingress + n, now_usec)) {
                        pool->ingress[n].taken = true;
                        format_address(pool->base + n, ret_address);
                        return 0;
                }
        }
        return -EADDRNOTAVAIL;
}

int address_pool_take_subnet(AddressPool *pool, char ret_subnet[ADDRESS_TEXT_MAX])
{
        for (uint32_t tried = 0; tried < pool->n_subnets; tried++) {
                uint32_t n = pool->subnet_cursor;

                pool->subnet_cursor = (n + 1) % pool->n_subnets;
                if (!pool->subnets[n]) {
                        pool->subnets[n] = true;
                        format_subnet(pool->base + INGRESS_SIZE + n * SUBNET_SIZE, SUBNET_BITS, ret_subnet);
                        return 0;
                }
        }
        return -EADDRNOTAVAIL;
}

static int find_ingress(AddressPool *pool, const char *text, IngressSlot **ret)
{
        uint32_t address;

        if (!text || parse_address(text, &address) < 0 || address < pool->base + INGRESS_FIRST ||
                        address >= pool->base + INGRESS_SIZE - 1)
                return -EINVAL;
        *ret = pool->ingress + (address - pool->base);
        return 0;
}

static int find_subnet(AddressPool *pool, const char *text, bool **ret)
{
        uint32_t address, n;
        unsigned bits;

        if (!text || parse_ipv4_network(text, &address, &bits) < 0 || bits != SUBNET_BITS ||
                        address < pool->base + INGRESS_SIZE)
                return -EINVAL;
        n = (address - pool->base - INGRESS_SIZE) / SUBNET_SIZE;
        if (n >= pool->n_subnets)
                return -EINVAL;
        *ret = pool->subnets + n;
        return 0;
}

int address_pool_reserve_ingress(AddressPool *pool, const char *address)
{
        IngressSlot *slot;
        int r;

        r = find_ingress(pool, address, &slot);
        if (r < 0)
                return r;
        if (slot->taken)
                return -EEXIST;
        slot->taken = true;
        return 0;
}

int address_pool_reserve_subnet(AddressPool *pool, const char *subnet)
{
        bool *taken;
        int r;

        r = find_subnet(pool, subnet, &taken);
        if (r < 0)
                return r;
        if (*taken)
                return -EEXIST;
        *taken = true;
        return 0;
}

void address_pool_release_ingress(AddressPool *pool, const char *address, uint64_t released_usec)
{
        IngressSlot *slot;

        if (find_ingress(pool, address, &slot) < 0)
                return;
        slot->taken = false;
        slot->released_usec = released_usec;
}

void address_pool_rest_ingress(AddressPool *pool, const char *address, uint64_t released_usec)
{
        IngressSlot *slot;

        if (find_ingress(pool, address, &slot) >= 0 && !slot->taken && slot->released_usec < released_usec)
                slot->released_usec = released_usec;
}

void address_pool_release_subnet(AddressPool *pool, const char *subnet)
{
        bool *taken;

        if (find_subnet(pool, subnet, &taken) >= 0)
                *taken = false;
}
