/* SPDX-License-Identifier: MIT */
#include "auth/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "basic/parse.h"
#include "basic/string-util.h"

static void address_normalise(Address *a)
{
        static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

        if (a->family != AF_INET6 || memcmp(a->bytes, mapped, sizeof mapped) != 0)
                return;
        a->family = AF_INET;
        memmove(a->bytes, a->bytes + 12, 4);
        memset(a->bytes + 4, 0, 12);
}

static int address_parse_raw(const char *s, Address *ret)
{
        Address a = { .family = strchr(s, ':') ? AF_INET6 : AF_INET };

        if (inet_pton(a.family, s, a.bytes) != 1)
                return -EINVAL;
        *ret = a;
        return 0;
}

int address_parse(const char *s, Address *ret)
{
        int r = address_parse_raw(s, ret);

        if (r == 0)
                address_normalise(ret);
        return r;
}

bool address_is_loopback(const Address *a)
{
        return a->family == AF_INET ? a->bytes[0] == 127
                                    : memcmp(a->bytes, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

char *address_identity(const Address *a)
{
        unsigned char bytes[16];
        char text[INET6_ADDRSTRLEN];

        memcpy(bytes, a->bytes, sizeof bytes);
        if (a->family == AF_INET6)
                memset(bytes + 8, 0, 8);
        if (!inet_ntop(a->family, bytes, text, sizeof text))
                return NULL;
        return str_printf(a->family == AF_INET6 ? "addr:%s/64" : "addr:%s", text);
}

int network_parse(const char *s, Network *ret)
{
        const char *slash = strchr(s, '/');
        char address[INET6_ADDRSTRLEN + 1];
        size_t n = slash ? (size_t) (slash - s) : strlen(s);
        Network network;
        unsigned max;

        if (n >= sizeof address)
                return -EINVAL;
        memcpy(address, s, n);
        address[n] = 0;
        if (address_parse_raw(address, &network.address) < 0)
                return -EINVAL;
        max = network.address.family == AF_INET ? 32 : 128;
        network.bits = max;
        if (slash && (parse_unsigned(slash + 1, &network.bits) < 0 || network.bits > max))
                return -EINVAL;
        *ret = network;
        return 0;
}

bool network_contains(const Network *network, const Address *a)
{
        size_t whole = network->bits / 8;
        unsigned rest = network->bits % 8;

        if (network->address.family != a->family)
                return false;
        if (memcmp(network->address.bytes, a->bytes, whole) != 0)
                return false;
        return rest == 0 || (network->address.bytes[whole] ^ a->bytes[whole]) >> (8 - rest) == 0;
}
