/* SPDX-License-Identifier: MIT */
#include "engine/engine-interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>

#include "basic/parse.h"

static int parse_network(const char *s, uint32_t *ret_base, uint32_t *ret_mask)
{
        const char *slash = strchr(s, '/');
        char text[INET_ADDRSTRLEN];
        struct in_addr address;
        unsigned bits;

        if (!slash || (size_t) (slash - s) >= sizeof text)
                return -EINVAL;
        memcpy(text, s, (size_t) (slash - s));
        text[slash - s] = '\0';
        if (inet_pton(AF_INET, text, &address) != 1 || parse_unsigned(slash + 1, &bits) < 0 || bits < 1 ||
                        bits > 32)
                return -EINVAL;
        *ret_mask = UINT32_MAX << (32 - bits);
        *ret_base = ntohl(address.s_addr) & *ret_mask;
        return 0;
}

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
        int r;

        r = parse_network(subnet, &base, &mask);
        if (r < 0)
                return r;
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
