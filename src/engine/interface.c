/* SPDX-License-Identifier: MIT */
#include "engine/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>

#include "basic/parse.h"

static bool is_within(const struct sockaddr *sa, uint32_t base, uint32_t mask)
{
        struct sockaddr_in in;

        if (!sa || sa->sa_family != AF_INET)
                return false;
        memcpy(&in, sa, sizeof in);
        return (ntohl(in.sin_addr.s_addr) & mask) == base;
}

int engine_interface_find(const char *subnet, char ret_name[INTERFACE_NAME_MAX])
{
        struct ifaddrs *list;
        uint32_t base, mask;
        unsigned bits;
        int r;

        r = parse_ipv4_network(subnet, &base, &bits);
        if (r < 0)
                return r;
        mask = UINT32_MAX << (32 - bits);
        if (getifaddrs(&list) < 0)
                return -errno;
        for (struct ifaddrs *a = list; a && r == 0; a = a->ifa_next)
                if (is_within(a->ifa_addr, base, mask)) {
                        (void) snprintf(ret_name, INTERFACE_NAME_MAX, "%s", a->ifa_name);
                        r = 1;
                }
        freeifaddrs(list);
        return r;
}
