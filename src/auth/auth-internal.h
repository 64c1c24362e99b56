/* SPDX-License-Identifier: MIT */
#pragma once

#include "auth/auth.h"
#include "auth/network.h"

/* Shared by auth.c (who calls), peer.c (from where) and host.c (by what name). */
struct Auth {
        char *admin_token, *proxy_key;
        NetworkList visitors, proxies;
        Network pool;
        bool has_pool;
        char **hosts; /* without port */
        char *base_url;
};

/* Where a caller is, as far as that is believed. */
typedef struct Whereabouts {
        Address address;
        bool is_forwarded; /* a trusted proxy says so */
} Whereabouts;

/* On failure ret_reason is a static sentence: -ENOKEY where it is not this host's nginx that speaks, -EACCES where what
 * it says of its client does not do. */
int auth_believe(const Auth *auth, const AuthPeer *peer, Whereabouts *ret, const char **ret_reason);
bool auth_is_visitor(const Auth *auth, const Address *address);

int auth_set_hosts(Auth *auth, const AuthSettings *settings);
