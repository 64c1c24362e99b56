/* SPDX-License-Identifier: MIT */
#include "firewall/networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include "core/names.h"
#include "firewall/rules.h"

/* A network wider than this is no network of neighbours: a tunnel that leads everywhere, for example. */
#define BITS_MIN 8

/* Copies the address's bytes and answers how many. */
static size_t read_bytes(const struct sockaddr *sa, unsigned char bytes[sizeof(struct in6_addr)])
{
        if (sa->sa_family == AF_INET) {
                memcpy(bytes, &((const struct sockaddr_in *) (const void *) sa)->sin_addr,
                                sizeof(struct in_addr));
                return sizeof(struct in_addr);
        }
        memcpy(bytes, &((const struct sockaddr_in6 *) (const void *) sa)->sin6_addr,
                        sizeof(struct in6_addr));
        return sizeof(struct in6_addr);
}

/* "192.0.2.0/24", or NULL when out of memory. *ret_bits: 24. */
static char *network_text(const struct sockaddr *address, const struct sockaddr *netmask, unsigned *ret_bits)
{
        unsigned char base[sizeof(struct in6_addr)] = { 0 }, mask[sizeof base] = { 0 };
        char text[INET6_ADDRSTRLEN];
        unsigned bits = 0;
        size_t size = read_bytes(address, base);

        (void) read_bytes(netmask, mask);
        for (size_t i = 0; i < size; i++) {
                bits += (unsigned) __builtin_popcount(mask[i]);
                base[i] &= mask[i];
        }
        *ret_bits = bits;
        return inet_ntop(address->sa_family, base, text, sizeof text) ? str_printf("%s/%u", text, bits)
                                                                      : NULL;
}

static int add(char ***list, const char *network)
{
        return strv_contains(*list, network) ? 0 : strv_extend(list, network);
}

static int add_interface(Networks *found, const struct ifaddrs *a)
{
        bool of_instances = startswith(a->ifa_name, INSTANCE_BRIDGE_PREFIX) != NULL;
        _cleanup_free_ char *network = NULL;
        unsigned bits;

        if (!a->ifa_addr || !a->ifa_netmask || (a->ifa_flags & IFF_LOOPBACK) ||
                        (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6))
                return 0;
        network = network_text(a->ifa_addr, a->ifa_netmask, &bits);
        if (!network)
                return -ENOMEM;
        if (streq(a->ifa_name, ARK_INGRESS_BRIDGE) && a->ifa_addr->sa_family == AF_INET)
                return add(&found->ingress, network);
        return of_instances || bits < BITS_MIN ? 0 : add(&found->own, network);
}

int networks_read(Networks *ret)
{
        _cleanup_(networks_done) Networks found = { 0 };
        struct ifaddrs *list;
        int r = 0;

        if (getifaddrs(&list) < 0)
                return -errno;
        for (const struct ifaddrs *a = list; a && r >= 0; a = a->ifa_next)
                r = add_interface(&found, a);
        freeifaddrs(list);
        if (r < 0)
                return r;
        if (found.own)
                strv_sort(found.own);
        if (found.ingress)
                strv_sort(found.ingress);
        *ret = found;
        found = (Networks){ 0 };
        return 0;
}

void networks_done(Networks *networks)
{
        networks->own = strv_free(networks->own);
        networks->ingress = strv_free(networks->ingress);
}
