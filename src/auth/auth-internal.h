/* SPDX-License-Identifier: MIT */
#pragma once

#include "auth/auth.h"
#include "auth/network.h"

/* Shared by auth.c (who calls) and host.c (by what name). */
struct Auth {
        char *admin_token, *proxy_key;
        Network *visitors;
        size_t n_visitors;
        Network pool;
        bool has_pool;
        char **hosts; /* without port */
};

int auth_set_hosts(Auth *auth, const AuthSettings *settings);
