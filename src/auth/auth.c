/* SPDX-License-Identifier: MIT */
#include "auth/auth.h"

#include <errno.h>

#include "auth/auth-internal.h"
#include "auth/network.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "core/verbs/request.h"

static int auth_set_list(char *const *words, const char *const *defaults, NetworkList *ret)
{
        return network_list_parse(words ? (const char *const *) words : defaults, ret);
}

static int auth_set_networks(Auth *auth, const AuthSettings *settings)
{
        static const char *const visitors[] = { AUTH_VISITOR_NETWORKS, NULL };
        static const char *const proxies[] = { AUTH_TRUSTED_PROXIES, NULL };
        int r;

        r = auth_set_list(settings->visitor_networks, visitors, &auth->visitors);
        if (r >= 0)
                r = auth_set_list(settings->trusted_proxies, proxies, &auth->proxies);
        if (r < 0 || !settings->instance_pool)
                return r;
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
        network_list_done(&auth->visitors);
        network_list_done(&auth->proxies);
        strv_free(auth->hosts);
        free(auth->base_url);
        free(auth);
        return NULL;
}

const char *auth_bearer(const char *authorization)
{
        if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
                return NULL;
        authorization += 7;
        authorization += strspn(authorization, " ");
        return *authorization ? authorization : NULL;
}

static const char not_a_visitor[] =
                "Your address is in none of the networks this service is open to. Whoever runs it can add "
                "yours to VisitorNetworks= in arkd.conf.";

static int auth_identify_visitor(
                const Auth *auth, const AuthPeer *peer, Caller *ret, const char **ret_reason)
{
        Whereabouts where;
        char *identity, *origin;

        if (auth_believe(auth, peer, &where, ret_reason) < 0)
                return -EACCES;
        if (!auth_is_visitor(auth, &where.address)) {
                *ret_reason = not_a_visitor;
                return -EACCES;
        }
        identity = address_identity(&where.address);
        origin = strdup(listener_kind_to_string(LISTENER_PUBLIC));
        if (!identity || !origin) {
                free(identity);
                free(origin);
                return -ENOMEM;
        }
        *ret = (Caller){
                .role = ROLE_VISITOR,
                .identity = identity,
                .origin = origin,
                /* Whoever a proxy speaks for is not this host. */
                .unlimited = !where.is_forwarded && address_is_loopback(&where.address),
        };
        return 0;
}

/* "local", or "admin" and the address that is believed. */
static char *operator_origin(ListenerKind kind, const Whereabouts *where)
{
        const char *listener = listener_kind_to_string(kind);
        char text[ADDRESS_STRING_MAX];

        return where ? str_printf("%s %s", listener, address_to_text(&where->address, text))
                     : strdup(listener);
}

static int auth_check_token(const Auth *auth, const AuthPeer *peer, const char **ret_reason)
{
        const char *token = auth_bearer(peer->authorization.value);

        if (token && auth->admin_token && str_equal_secret(auth->admin_token, token))
                return 0;
        *ret_reason = token ? "The token is not the one in /etc/arkd/admin-token."
                            : "Send “Authorization: Bearer TOKEN” once, with the token in "
                              "/etc/arkd/admin-token.";
        return -ENOKEY;
}

static int auth_identify_operator(
                const Auth *auth, const AuthPeer *peer, Caller *ret, const char **ret_reason)
{
        Whereabouts where;
        char *identity, *origin;
        int r, known;

        /* Root may ask the socket itself, without nginx. */
        known = auth_believe(auth, peer, &where, ret_reason);
        if (known == -EACCES)
                return known;
        if (known >= 0 && !auth_is_visitor(auth, &where.address)) {
                *ret_reason = not_a_visitor;
                return -EACCES;
        }
        r = auth_check_token(auth, peer, ret_reason);
        if (r < 0)
                return r;
        identity = strdup("token");
        origin = operator_origin(peer->listener, known >= 0 ? &where : NULL);
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
