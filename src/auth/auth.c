/* SPDX-License-Identifier: MIT */
#include "auth/auth.h"

#include <errno.h>
#include <stdio.h>

#include "auth/auth-internal.h"
#include "auth/network.h"
#include "basic/log.h"
#include "basic/parse.h"
#include "basic/string-util.h"

static int auth_set_networks(Auth *auth, const AuthSettings *settings)
{
        static const char *const defaults[] = { AUTH_VISITOR_NETWORKS, NULL };
        const char *const *list = defaults;
        size_t n = 0;

        if (settings->visitor_networks)
                list = (const char *const *) settings->visitor_networks;
        while (list[n])
                n++;
        auth->visitors = new0(Network, n);
        if (!auth->visitors)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                if (network_parse(list[i], &auth->visitors[i]) < 0)
                        return log_error_errno(EINVAL, "“%s” is not a network address", list[i]);
                auth->n_visitors++;
        }
        if (!settings->instance_pool)
                return 0;
        if (network_parse(settings->instance_pool, &auth->pool) < 0)
                return log_error_errno(EINVAL, "“%s” is not a network address", settings->instance_pool);
        auth->has_pool = true;
        return 0;
}

static int auth_set_secret(char **p, const char *secret)
{
        /* An empty secret would be known to everybody. */
        return secret && *secret ? free_and_strdup(p, secret) : 0;
}

int auth_new(const AuthSettings *settings, Auth **ret)
{
        _cleanup_(auth_freep) Auth *auth = new0(Auth, 1);
        int r;

        if (!auth)
                return -ENOMEM;
        r = auth_set_secret(&auth->admin_token, settings->admin_token);
        if (r >= 0)
                r = auth_set_secret(&auth->proxy_key, settings->proxy_key);
        if (r >= 0)
                r = auth_set_networks(auth, settings);
        if (r >= 0)
                r = auth_set_hosts(auth, settings);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(auth);
        return 0;
}

Auth *auth_free(Auth *auth)
{
        if (!auth)
                return NULL;
        str_erase_free(auth->admin_token);
        str_erase_free(auth->proxy_key);
        free(auth->visitors);
        strv_free(auth->hosts);
        free(auth);
        return NULL;
}

bool auth_is_proxy(const Auth *auth, const AuthPeer *peer)
{
        return auth->proxy_key && peer->proxy_key.value &&
               str_equal_secret(auth->proxy_key, peer->proxy_key.value);
}

const char *auth_bearer(const char *authorization)
{
        if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
                return NULL;
        authorization += 7;
        authorization += strspn(authorization, " ");
        return *authorization ? authorization : NULL;
}

/* The address that nginx saw: both headers, once each, and sound. */
static int peer_forwarded_address(const AuthPeer *peer, Address *ret)
{
        unsigned port;

        if (!peer->address.value || !peer->port.value)
                return -EINVAL;
        if (parse_unsigned(peer->port.value, &port) < 0 || port > UINT16_MAX)
                return -EINVAL;
        return address_parse(peer->address.value, ret);
}

static bool auth_is_visitor(const Auth *auth, const Address *address)
{
        if (auth->has_pool && network_contains(&auth->pool, address))
                return false;
        for (size_t i = 0; i < auth->n_visitors; i++)
                if (network_contains(&auth->visitors[i], address))
                        return true;
        return false;
}

static int auth_identify_visitor(
                const Auth *auth, const AuthPeer *peer, Caller *ret, const char **ret_reason)
{
        Address address;
        char *identity, *origin;

        if (!auth_is_proxy(auth, peer)) {
                *ret_reason = "This socket is for the web server in front of it: X-Ark-Proxy-Key is missing "
                              "or wrong.";
                return -EACCES;
        }
        if (peer_forwarded_address(peer, &address) < 0) {
                *ret_reason = "X-Ark-Peer-Address and X-Ark-Peer-Port are needed, once each, with the "
                              "client's address and port.";
                return -EACCES;
        }
        if (!auth_is_visitor(auth, &address)) {
                *ret_reason = "Your address is in none of the networks this service is open to. Whoever "
                              "runs it can add yours to VisitorNetworks= in arkd.conf.";
                return -EACCES;
        }
        identity = address_identity(&address);
        if (!identity)
                return -ENOMEM;
        origin = strdup(listener_kind_to_string(LISTENER_PUBLIC));
        if (!origin) {
                free(identity);
                return -ENOMEM;
        }
        *ret = (Caller){
                .role = ROLE_VISITOR,
                .identity = identity,
                .origin = origin,
                .unlimited = address_is_loopback(&address),
        };
        return 0;
}

/* "local", or "admin" and the address that nginx saw. */
static char *operator_origin(const Auth *auth, const AuthPeer *peer)
{
        const char *listener = listener_kind_to_string(peer->listener);
        Address address;

        if (!auth_is_proxy(auth, peer) || peer_forwarded_address(peer, &address) < 0)
                return strdup(listener);
        return str_printf("%s %s", listener, peer->address.value);
}

static int auth_identify_operator(
                const Auth *auth, const AuthPeer *peer, Caller *ret, const char **ret_reason)
{
        const char *token = auth_bearer(peer->authorization.value);
        char *identity, *origin;

        if (!token || !auth->admin_token || !str_equal_secret(auth->admin_token, token)) {
                *ret_reason = token ? "The token is not the one in /etc/arkd/admin-token."
                                    : "Send “Authorization: Bearer TOKEN” once, with the token in "
                                      "/etc/arkd/admin-token.";
                return -ENOKEY;
        }
        identity = strdup("token");
        origin = operator_origin(auth, peer);
        if (!identity || !origin) {
                free(identity);
                free(origin);
                return -ENOMEM;
        }
        *ret = (Caller){
                .role = ROLE_OPERATOR,
                .identity = identity,
                .origin = origin,
                .unlimited = true,
        };
        return 0;
}

int auth_identify(const Auth *auth, const AuthPeer *peer, Caller *ret, const char **ret_reason)
{
        switch (peer->listener) {
        case LISTENER_PUBLIC:
                return auth_identify_visitor(auth, peer, ret, ret_reason);
        case LISTENER_ADMIN:
        case LISTENER_LOCAL:
                return auth_identify_operator(auth, peer, ret, ret_reason);
        default:
                *ret_reason = "Nothing is offered here.";
                return -EACCES;
        }
}

int auth_caller_from_uid(uid_t uid, uid_t own, Caller *ret)
{
        bool is_operator = uid == 0 || uid == own;
        char *identity = str_printf("uid:%u", (unsigned) uid);
        char *origin = strdup(listener_kind_to_string(LISTENER_BUS));

        if (!identity || !origin) {
                free(identity);
                free(origin);
                return -ENOMEM;
        }
        *ret = (Caller){
                .role = is_operator ? ROLE_OPERATOR : ROLE_LOCAL,
                .identity = identity,
                .origin = origin,
                .unlimited = is_operator,
        };
        return 0;
}
