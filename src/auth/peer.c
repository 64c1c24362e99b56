/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "auth/auth-internal.h"
#include "basic/parse.h"
#include "basic/string-util.h"

bool auth_is_proxy(const Auth *auth, const AuthPeer *peer)
{
        return auth->proxy_key && peer->proxy_key.value &&
               str_equal_secret(auth->proxy_key, peer->proxy_key.value);
}

/* The address that nginx saw: both headers, once each, and sound. */
static int peer_seen_address(const AuthPeer *peer, Address *ret)
{
        unsigned port;

        if (!peer->address.value || !peer->port.value)
                return -EINVAL;
        if (parse_unsigned(peer->port.value, &port) < 0 || port > UINT16_MAX)
                return -EINVAL;
        return address_parse(peer->address.value, ret);
}

/* nginx passes on what another proxy says of its client. Whether that one may be believed is decided here again, as
 * nginx may still work with an older configuration. */
static int peer_forwarded_address(const Auth *auth, const AuthPeer *peer, const Address *seen, Address *ret,
                const char **ret_reason)
{
        if (!network_list_contains(&auth->proxies, seen)) {
                *ret_reason = "A proxy speaks for somebody else here, and is not in TrustedProxies= of "
                              "arkd.conf. After a change there, run: systemctl reload arkd-nginx";
                return -EACCES;
        }
        if (!peer->client.value || address_parse(peer->client.value, ret) < 0) {
                *ret_reason = "The proxy in front of this service does not say in X-Forwarded-For, as an IP "
                              "address, for whom it asks.";
                return -EACCES;
        }
        return 0;
}

int auth_believe(const Auth *auth, const AuthPeer *peer, Whereabouts *ret, const char **ret_reason)
{
        Whereabouts where = { 0 };
        Address seen;
        int r;

        if (!auth_is_proxy(auth, peer)) {
                *ret_reason = "This socket is for the web server in front of it: X-Ark-Proxy-Key is missing "
                              "or wrong.";
                return -ENOKEY;
        }
        if (peer_seen_address(peer, &seen) < 0) {
                *ret_reason = "X-Ark-Peer-Address and X-Ark-Peer-Port are needed, once each, with the "
                              "client's address and port.";
                return -EACCES;
        }
        where.is_forwarded = peer->client.value || peer->client.repeated;
        where.address = seen;
        if (where.is_forwarded) {
                r = peer_forwarded_address(auth, peer, &seen, &where.address, ret_reason);
                if (r < 0)
                        return r;
        }
        *ret = where;
        return 0;
}

bool auth_is_visitor(const Auth *auth, const Address *address)
{
        return !(auth->has_pool && network_contains(&auth->pool, address)) &&
               network_list_contains(&auth->visitors, address);
}

bool auth_is_elsewhere(const Auth *auth, const AuthPeer *peer, Address *ret)
{
        const char *reason;
        Whereabouts where;

        if (auth_believe(auth, peer, &where, &reason) < 0 ||
                        (!where.is_forwarded && address_is_loopback(&where.address)))
                return false;
        *ret = where.address;
        return true;
}
