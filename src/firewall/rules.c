/* SPDX-License-Identifier: MIT */
#include "firewall/rules.h"

#include <errno.h>
#include <stdio.h>

#include "basic/parse.h"
#include "core/names.h"
#include "firewall/visitor-rules.h"

#define INSTANCES "\"" INSTANCE_BRIDGE_PREFIX "*\""
#define INGRESS   "\"" ARK_INGRESS_BRIDGE "\""

/* Where no instance has any business: private, shared, link-local, benchmark, multicast and reserved addresses. */
#define PRIVATE_IPV4                                                                                        \
        "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, "  \
        "192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/4, 240.0.0.0/4"
#define PRIVATE_IPV6 "::/96, ::ffff:0:0/96, 64:ff9b:1::/48, fc00::/7, fe80::/10, fec0::/10, ff00::/8"

static bool is_ipv6(const char *address)
{
        return strchr(address, ':') != NULL;
}

/* "a, b" of those of one family; writes nothing where there are none. */
static size_t put_list(FILE *f, char *const *addresses, bool ipv6)
{
        size_t n = 0;

        for (char *const *a = addresses; a && *a; a++)
                if (is_ipv6(*a) == ipv6)
                        (void) fprintf(f, "%s%s", n++ > 0 ? ", " : "", *a);
        return n;
}

static bool has_family(char *const *addresses, bool ipv6)
{
        for (char *const *a = addresses; a && *a; a++)
                if (is_ipv6(*a) == ipv6)
                        return true;
        return false;
}

static void put_resolvers(FILE *f, char *const *resolvers)
{
        for (int ipv6 = 0; ipv6 < 2; ipv6++) {
                if (!has_family(resolvers, ipv6))
                        continue;
                (void) fprintf(f, "\t\t%s daddr { ", ipv6 ? "ip6" : "ip");
                (void) put_list(f, resolvers, ipv6);
                (void) fputs(" } meta l4proto { tcp, udp } th dport 53 accept\n", f);
        }
}

/* The host itself, and what the operator opens. The engine's resolver asks from the container's own network. */
static void put_common_chains(FILE *f, const RuleFacts *facts)
{
        (void) fputs("\tchain allowed {\n", f);
        put_resolvers(f, facts->resolvers);
        if (facts->operator_rules)
                (void) fprintf(f, "\t\tinclude \"%s\"\n", facts->operator_rules);
        (void) fputs("\t}\n"
                     "\tchain refused {\n"
                     "\t\tmeta l4proto tcp counter reject with tcp reset\n"
                     "\t\tcounter reject with icmpx admin-prohibited\n"
                     "\t}\n"
                     "\tchain host {\n"
                     "\t\ttype filter hook input priority filter - 5; policy accept;\n"
                     "\t\tiifname != " INSTANCES " accept\n"
                     /* Replies to what the host asked: arkd that probes an instance, nginx that passes a request on. */
                     "\t\tct state established,related accept\n"
                     "\t\tjump allowed\n"
                     "\t\tmeta l4proto ipv6-icmp accept\n"
                     "\t\tgoto refused\n"
                     "\t}\n",
                        f);
}

/* What an instance asks for outside. Counted by the sender, as one of many connections is as good as another. */
static void put_outward_chain(FILE *f, const RuleFacts *facts)
{
        (void) fputs("\tset connections {\n"
                     "\t\ttype ipv4_addr\n"
                     "\t\tsize 65535\n"
                     "\t\tflags dynamic\n"
                     "\t}\n"
                     "\tchain outward {\n"
                     "\t\tct state established,related accept\n",
                        f);
        if (facts->connections > 0)
                (void) fprintf(f,
                                "\t\tadd @connections { ip saddr ct count over %u } counter goto refused\n",
                                facts->connections);
        (void) fputs("\t\tjump allowed\n"
                     "\t\tip daddr { " PRIVATE_IPV4 " } goto refused\n"
                     "\t\tip6 daddr { " PRIVATE_IPV6 " } goto refused\n",
                        f);
        for (char *const *own = facts->own; own && *own; own++)
                (void) fprintf(f, "\t\t%s daddr %s goto refused\n", is_ipv6(*own) ? "ip6" : "ip", *own);
        (void) fputs("\t\ttcp dport 25 goto refused\n"
                     "\t}\n",
                        f);
}

/*
 * Where br_netfilter is loaded, frames within a private network would be tracked like connections of the host: an
 * application that sends to its own database from every port there is would fill the table that all share.
 */
static void put_untracked_chain(FILE *f)
{
        (void) fputs("\tchain untracked {\n"
                     "\t\ttype filter hook prerouting priority raw; policy accept;\n"
                     "\t\tiifname " INSTANCES " iifname != " INGRESS " fib daddr . iif oif exists notrack\n"
                     "\t}\n",
                        f);
}

/*
 * Between instances nothing passes, whatever its state and whatever the operator opens. Frames within one private
 * network are seen here as well where br_netfilter is loaded: their destination is in the network of the bridge that
 * they came in by. On ark_production it is not enough to be in the same network.
 */
static void put_forward_chain(FILE *f, const RuleFacts *facts)
{
        (void) fputs("\tchain forward {\n"
                     "\t\ttype filter hook forward priority filter - 5; policy accept;\n"
                     "\t\tiifname " INSTANCES " iifname != " INGRESS " fib daddr . iif oif exists accept\n"
                     "\t\tiifname " INSTANCES " oifname " INSTANCES " goto refused\n"
                     /* A private network has no way out, as a database needs none. */
                     "\t\tiifname " INSTANCES " iifname != " INGRESS " goto refused\n"
                     "\t\tiifname " INGRESS " ip saddr != { ",
                        f);
        (void) put_list(f, facts->ingress, false);
        (void) fputs(" } counter drop\n"
                     "\t\tiifname " INSTANCES " goto outward\n"
                     "\t\toifname " INSTANCES " ct state established,related accept\n"
                     "\t\toifname " INSTANCES " goto refused\n"
                     "\t}\n",
                        f);
}

/* Docker derives a container's MAC from its address: 02:42:0a:e7:00:05 has 10.231.0.5. */
static void put_mac_rules(FILE *f, char *const *ingress)
{
        for (char *const *network = ingress; *network; network++) {
                uint32_t base, mask;
                unsigned bits;

                if (parse_ipv4_network(*network, &base, &bits) < 0)
                        continue;
                mask = UINT32_MAX << (32 - bits);
                for (int to = 0; to < 2; to++)
                        (void) fprintf(f,
                                        "\t\tether %s & ff:ff:%02x:%02x:%02x:%02x == "
                                        "02:42:%02x:%02x:%02x:%02x counter drop\n",
                                        to ? "daddr" : "saddr", mask >> 24, mask >> 16 & 255,
                                        mask >> 8 & 255, mask & 255, base >> 24, base >> 16 & 255,
                                        base >> 8 & 255, base & 255);
        }
}

/*
 * What passes between the ports of ark_production: nothing. The host's own frames go another way. Matching the
 * destination alone does not depend on br_netfilter nor on what a sender claims to be.
 */
static void put_bridge_table(FILE *f, const RuleFacts *facts)
{
        (void) fputs("table bridge " FIREWALL_TABLE " {\n"
                     "\tchain forward {\n"
                     "\t\ttype filter hook forward priority filter; policy accept;\n",
                        f);
        if (facts->bridge_names)
                (void) fputs("\t\tmeta ibrname " INGRESS " counter drop\n", f);
        (void) fputs("\t\tip daddr { ", f);
        (void) put_list(f, facts->ingress, false);
        (void) fputs(" } counter drop\n\t\tarp daddr ip { ", f);
        (void) put_list(f, facts->ingress, false);
        (void) fputs(" } counter drop\n", f);
        put_mac_rules(f, facts->ingress);
        (void) fputs("\t}\n}\n", f);
}

int rules_make(const RuleFacts *facts, char **ret_text)
{
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        bool failed;

        if (!f)
                return -ENOMEM;
        /* A table is made before it is deleted, as deleting one that is not there is an error. */
        (void) fputs("table inet " FIREWALL_TABLE "\ndelete table inet " FIREWALL_TABLE "\n"
                     "table bridge " FIREWALL_TABLE "\ndelete table bridge " FIREWALL_TABLE "\n"
                     "table inet " FIREWALL_TABLE " {\n",
                        f);
        put_common_chains(f, facts);
        put_outward_chain(f, facts);
        put_untracked_chain(f);
        put_forward_chain(f, facts);
        visitor_rules_put(f, facts);
        (void) fputs("}\n", f);
        put_bridge_table(f, facts);
        failed = ferror(f) != 0;
        if (fclose(f) != 0 || failed) {
                free(text);
                return -ENOMEM;
        }
        *ret_text = text;
        return 0;
}

const char *rules_bridge_names_probe(void)
{
        return "table bridge " FIREWALL_TABLE "-probe {\n"
               "\tchain forward {\n"
               "\t\ttype filter hook forward priority filter; policy accept;\n"
               "\t\tmeta ibrname " INGRESS " drop\n"
               "\t}\n}\n";
}
