/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

#include "auth/gate.h"
#include "auth/network.h"
#include "core/verbs/request.h"

/* What the configuration decides; copied. */
typedef struct AuthSettings {
        const char *admin_token; /* bearer token of operators; NULL: no operator over HTTP */
        const char *proxy_key; /* what nginx sends to be believed; NULL: nobody is */
        char *const *visitor_networks; /* who may use the public listener; NULL: AUTH_VISITOR_NETWORKS */
        char *const *trusted_proxies; /* whose X-Forwarded-For counts; NULL: AUTH_TRUSTED_PROXIES */
        const char *instance_pool; /* network of the instances, never visitors; NULL: none */
        const char *base_url; /* its host is an allowed one; may be NULL */
        const char *applications_url; /* likewise */
        char *const *allowed_hosts; /* further host names without port, such as the tailnet's; may be NULL */
} AuthSettings;

/* Loopback, the tailnet's ranges and private ranges. */
#define AUTH_VISITOR_NETWORKS                                                                               \
        "127.0.0.0/8", "::1/128", "100.64.0.0/10", "fd7a:115c:a1e0::/48", "10.0.0.0/8", "172.16.0.0/12",    \
                        "192.168.0.0/16", "fc00::/7", "fe80::/10"

/* What ends TLS on this host, and `tailscale serve`. */
#define AUTH_TRUSTED_PROXIES "127.0.0.0/8", "::1/128"

typedef struct Auth Auth;

/* -EINVAL where a setting is malformed; that is logged. */
int auth_new(const AuthSettings *settings, Auth **ret);
Auth *auth_free(Auth *auth);
DEFINE_CLEANUP_FUNC(Auth, auth_free);

/* A header as it came. */
typedef struct AuthHeader {
        const char *value; /* where it came exactly once, else NULL */
        bool repeated;
} AuthHeader;

/* What is known of who sent an HTTP request. */
typedef struct AuthPeer {
        ListenerKind listener;
        AuthHeader proxy_key, address, port; /* X-Ark-Proxy-Key, X-Ark-Peer-Address, X-Ark-Peer-Port */
        AuthHeader client; /* X-Ark-Client-Address: for whom the peer asks, where that is a proxy */
        AuthHeader authorization;
} AuthPeer;

/* The address that is believed of a caller who is not on this host itself; false for one who is, as far as known. */
bool auth_is_elsewhere(const Auth *auth, const AuthPeer *peer, Address *ret);

/* True where the request came through this host's nginx: its forwarded headers may be believed. */
bool auth_is_proxy(const Auth *auth, const AuthPeer *peer);

/*
 * Finds out who calls over HTTP. On failure ret_reason is a static sentence for the caller:
 * -EACCES: may not use this listener (403); -ENOKEY: no or a wrong token (401).
 */
int auth_identify(const Auth *auth, const AuthPeer *peer, Caller *ret, const char **ret_reason);

/* The caller on the bus: uid 0 and own (this daemon's) are operators, all others local users. 0 or -ENOMEM. */
int auth_caller_from_uid(uid_t uid, uid_t own, Caller *ret);

/* The token of "Bearer TOKEN", or NULL. */
const char *auth_bearer(const char *authorization);

/* True where a Host header names this service: an IP address, localhost or a configured name, with or without a
 * port. Anything else is somebody else's name that leads here. */
bool auth_host_is_allowed(const Auth *auth, const char *host);

#define AUTH_HOST_MAX 255
/* The host of http[s]://HOST[:PORT][/…]; an IPv6 address without brackets. 0 or -EINVAL. */
int auth_url_host(const char *url, char ret[AUTH_HOST_MAX + 1]);

#define AUTH_URL_MARKS "-._~:/[]@!&()*+,=%"
/*
 * Whether it begins with http:// or https:// and a host that could be asked for, and has letters, digits and
 * AUTH_URL_MARKS alone: nothing that ends or changes nginx's configuration.
 */
bool auth_url_is_valid(const char *url);

/* Adds a name that became known later. 0 or -ENOMEM. */
int auth_allow_host(Auth *auth, const char *host);

/* True where an Origin header is http or https at that Host, or for visitors the origin of BaseURL=. */
bool auth_origin_is_own(const Auth *auth, ListenerKind listener, const char *origin, const char *host);
