/* SPDX-License-Identifier: MIT */
#include "arkd/reach.h"

#include "auth/network.h"
#include "basic/log.h"
#include "basic/messages.h"

/* IPAddressAllow= of arkd.service, with localhost spelt out; a test compares the two. */
static const char *const reachable[] = { "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12",
        "192.168.0.0/16", "fc00::/7" };

static bool is_reachable(const Network *wanted)
{
        for (size_t i = 0; i < ELEMENTSOF(reachable); i++) {
                Network network;

                if (network_parse(reachable[i], &network) >= 0 && network.bits <= wanted->bits &&
                                network_contains(&network, &wanted->address))
                        return true;
        }
        return false;
}

static unsigned reach_check_one(const char *key, const char *value, const char *address)
{
        Network network;

        if (network_parse(address, &network) < 0 || is_reachable(&network))
                return 0;
        log_full(LOG_WARNING, 0, LOG_ABOUT(.message_id = MESSAGE_BEYOND_REACH),
                        "%s=%s is beyond the networks that arkd.service may connect to; unless a drop-in "
                        "does so already, allow it with “systemctl edit arkd.service”: [Service] "
                        "IPAddressAllow=%s",
                        key, value, address);
        return 1;
}

/* The host of a numeric host:port, without brackets. NULL for the path of a socket, for a name or without memory. */
static char *redis_host(const char *address)
{
        const char *begin = address[0] == '[' ? address + 1 : address;
        const char *end = address[0] == '[' ? strchr(begin, ']') : strrchr(begin, ':');

        return address[0] != '/' && end ? strndup(begin, (size_t) (end - begin)) : NULL;
}

unsigned reach_check(const Config *config)
{
        _cleanup_free_ char *host = redis_host(config->redis);
        unsigned n = reach_check_one("SubnetPool", config->subnet_pool, config->subnet_pool);

        return host ? n + reach_check_one("Redis", config->redis, host) : n;
}
