/* SPDX-License-Identifier: MIT */
#include "auth/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "basic/log.h"
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

const char *address_to_text(const Address *a, char ret[ADDRESS_STRING_MAX])
{
        /* It has a text: the family is one of two, and the longest fits. */
        return inet_ntop(a->family, a->bytes, ret, ADDRESS_STRING_MAX) ? ret : "";
}

Address address_subscriber(const Address *a)
{
        Address network = *a;

        if (a->family == AF_INET6)
                memset(network.bytes + 8, 0, 8);
        return network;
}

char *address_identity(const Address *a)
{
        Address network = address_subscriber(a);
        char text[ADDRESS_STRING_MAX];

        return str_printf(a->family == AF_INET6 ? "addr:%s/64" : "addr:%s", address_to_text(&network, text));
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

const char *network_to_text(const Network *network, char ret[NETWORK_STRING_MAX])
{
        Address first = network->address;
        char text[ADDRESS_STRING_MAX];

        for (size_t i = network->bits; i < 8 * sizeof first.bytes; i++)
                first.bytes[i / 8] &= (unsigned char) ~(0x80U >> i % 8);
        (void) snprintf(ret, NETWORK_STRING_MAX, "%s/%u", address_to_text(&first, text), network->bits);
        return ret;
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

int network_list_parse(const char *const *words, NetworkList *ret)
{
        NetworkList list = { 0 };
        size_t n = 0;

        while (words[n])
                n++;
        list.items = new0(Network, n + 1);
        if (!list.items)
                return -ENOMEM;
        for (; list.n < n; list.n++)
                if (network_parse(words[list.n], &list.items[list.n]) < 0) {
                        log_error("“%s” is not a network address", words[list.n]);
                        network_list_done(&list);
                        return -EINVAL;
                }
        *ret = list;
        return 0;
}

bool network_list_contains(const NetworkList *list, const Address *address)
{
        for (size_t i = 0; i < list->n; i++)
                if (network_contains(&list->items[i], address))
                        return true;
        return false;
}

void network_list_done(NetworkList *list)
{
        free(list->items);
        *list = (NetworkList){ 0 };
}
