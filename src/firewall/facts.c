/* SPDX-License-Identifier: MIT */
#include "firewall/facts.h"

#include <errno.h>

#include "arkd/arkd-config.h"
#include "auth/network.h"
#include "basic/file-util.h"
#include "core/model/address-pool.h"
#include "firewall/resolvers.h"

#define SITE_PORTS     "/run/arkd-nginx/ports"
#define SITE_PORTS_MAX (64 * 1024)

/* Those that are not of this host, as nft writes them. */
static int read_proxies(char *const *words, char ***ret)
{
        _cleanup_(strv_freep) char **proxies = NULL;

        for (char *const *word = words; word && *word; word++) {
                char text[NETWORK_STRING_MAX];
                Network network;
                int r;

                r = network_parse(*word, &network);
                if (r >= 0 && !address_is_loopback(&network.address))
                        r = strv_extend(&proxies, network_to_text(&network, text));
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(proxies);
        return 0;
}

static int find_ingress(const char *pool_text, char **ret)
{
        char ingress[ADDRESS_TEXT_MAX], gateway[ADDRESS_TEXT_MAX];
        _cleanup_(address_pool_freep) AddressPool *pool = NULL;
        char *copy;
        int r;

        r = address_pool_new(pool_text, &pool);
        if (r < 0)
                return r;
        address_pool_get_ingress(pool, ingress, gateway);
        copy = strdup(ingress);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

/* What it has by then is freed by who calls this, also on failure. */
static int fill_config(FirewallConfig *config, Config *all)
{
        int r;

        r = find_ingress(all->subnet_pool, &config->ingress);
        if (r >= 0)
                r = read_proxies(all->trusted_proxies, &config->proxies);
        if (r < 0)
                return r;
        config->pool = TAKE_PTR(all->subnet_pool);
        config->connections = all->outward_connections;
        config->applications_port = all->applications.port;
        config->web_port = all->web_port;
        config->visitor_connections = 2 * all->connections_visitor;
        return 0;
}

int firewall_config_read(const char *file, const char *directory, FirewallConfig *ret)
{
        _cleanup_(firewall_config_done) FirewallConfig config = { 0 };
        _cleanup_(config_done) Config all = { 0 };
        int r;

        r = config_load(file, directory, &all);
        if (r >= 0)
                r = fill_config(&config, &all);
        if (r < 0)
                return r;
        *ret = config;
        config = (FirewallConfig){ 0 };
        return 0;
}

void firewall_config_done(FirewallConfig *config)
{
        config->pool = mfree(config->pool);
        config->ingress = mfree(config->ingress);
        config->proxies = strv_free(config->proxies);
}

/* A file of arkd-nginx's own user: it decides no more than whether the connections to WebPort= are bounded. */
char *host_facts_read_ports(void)
{
        char *text = NULL;

        (void) read_file(SITE_PORTS, SITE_PORTS_MAX, &text, NULL);
        return text;
}

int host_facts_read(HostFacts *ret)
{
        HostFacts facts = { 0 };
        int r;

        r = networks_read(&facts.networks);
        if (r >= 0)
                r = resolvers_read(&facts.resolvers);
        if (r < 0) {
                host_facts_done(&facts);
                return r;
        }
        facts.site_ports = host_facts_read_ports();
        *ret = facts;
        return 0;
}

void host_facts_done(HostFacts *facts)
{
        networks_done(&facts->networks);
        facts->resolvers = strv_free(facts->resolvers);
        facts->site_ports = mfree(facts->site_ports);
}

static bool is_served(const HostFacts *host, unsigned port)
{
        static const char *const families[] = { "IPv4", "IPv6" };

        for (size_t i = 0; host->site_ports && i < ELEMENTSOF(families); i++) {
                _cleanup_free_ char *line = str_printf(" %u %s free\n", port, families[i]);

                if (line && strstr(host->site_ports, line))
                        return true;
        }
        return false;
}

int facts_make_rules(const FirewallConfig *config, const HostFacts *host, const char *operator_rules,
                bool bridge_names, char **ret_text)
{
        _cleanup_(strv_freep) char **ingress = NULL;
        int r;

        /* The bridge may be from before SubnetPool= was changed. */
        r = strv_copy(host->networks.ingress, &ingress);
        if (r >= 0 && (!ingress || !strv_contains(ingress, config->ingress)))
                r = strv_extend(&ingress, config->ingress);
        if (r < 0)
                return r;
        const RuleFacts facts = {
                .ingress = ingress,
                .own = host->networks.own,
                .resolvers = host->resolvers,
                .operator_rules = operator_rules,
                .connections = config->connections,
                .bridge_names = bridge_names,
                .proxies = config->proxies,
                .visitor_connections = config->visitor_connections,
                .applications_port = config->applications_port,
                .web_port = is_served(host, config->web_port) ? config->web_port : 0,
        };
        return rules_make(&facts, ret_text);
}
