/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/string-util.h"

/* Every bridge of ARK Deploy's has such a name: "arkprod", "ark" and the random part of an instance's id. */
#define INSTANCE_BRIDGE_PREFIX "ark"

#define FIREWALL_TABLE "arkd" /* in the families inet and bridge */

/* What the rules are made from. */
typedef struct RuleFacts {
        char *const *ingress; /* networks of ark_production, "10.231.0.0/20"; at least one */
        char *const *own; /* networks that the host is in, of both families */
        char *const *resolvers; /* addresses, of both families */
        const char *operator_rules; /* pattern of files with rules of the operator's, or NULL for none */
        unsigned connections; /* that one instance may have open to the outside, 0 for any number */
        bool bridge_names; /* the kernel can match the name of a frame's bridge */
        char *const *proxies; /* networks of trusted proxies, of both families */
        unsigned visitor_connections; /* that one address may have open to the web server, 0 for any number */
        unsigned applications_port;
        unsigned web_port; /* 0 where another service has it, which is not to be bounded */
} RuleFacts;

/*
 * The text, as of nft -f, that replaces both tables in one transaction: instances are kept from each other, from this
 * host, from its neighbours and from the tailnet. 0 or -ENOMEM.
 */
int rules_make(const RuleFacts *facts, char **ret_text);

/* A table that only a kernel takes which can match the name of a frame's bridge. */
const char *rules_bridge_names_probe(void);
