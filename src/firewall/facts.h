/* SPDX-License-Identifier: MIT */
#pragma once

#include "firewall/networks.h"
#include "firewall/rules.h"

/* What the configuration says of the firewall. */
typedef struct FirewallConfig {
        char *pool; /* SubnetPool= */
        char *ingress; /* its first network, that of ark_production */
        unsigned connections; /* OutwardConnections= */
        char **proxies; /* TrustedProxies= */
        unsigned applications_port; /* ApplicationsPort= */
        unsigned web_port; /* WebPort= */
        unsigned visitor_connections; /* twice ConnectionsPerVisitor=: browsers keep some open for later */
} FirewallConfig;

/* Reads arkd.conf(5). Where that is not valid, logs why and fails with a negative errno. */
int firewall_config_read(const char *file, const char *directory, FirewallConfig *ret);
void firewall_config_done(FirewallConfig *config);

/* What the host says, as of now. */
typedef struct HostFacts {
        Networks networks;
        char **resolvers;
        char *site_ports; /* what arkd-nginx.service has, in its own words; NULL: nothing yet */
} HostFacts;

int host_facts_read(HostFacts *ret);
/* Of these, site_ports alone. */
char *host_facts_read_ports(void);
void host_facts_done(HostFacts *facts);

/* The rules for both; operator_rules and bridge_names as in RuleFacts. 0 or -ENOMEM. */
int facts_make_rules(const FirewallConfig *config, const HostFacts *host, const char *operator_rules,
                bool bridge_names, char **ret_text);
