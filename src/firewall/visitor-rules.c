/* SPDX-License-Identifier: MIT */
#include "firewall/visitor-rules.h"

#include "core/model/instance-url.h"

static void put_set(FILE *f, const char *name, const char *type)
{
        (void) fprintf(f, "\tset %s {\n\t\ttype %s\n\t\tsize 65535\n\t\tflags dynamic\n\t}\n", name, type);
}

/* Only those of arkd-nginx.service. Applications may be at the landing page's port. */
static void put_ports(FILE *f, const RuleFacts *facts)
{
        (void) fprintf(f, "\t\ttcp dport != { %u, 3001", LANDING_PORT);
        if (facts->applications_port != LANDING_PORT)
                (void) fprintf(f, ", %u", facts->applications_port);
        if (facts->web_port != 0 && facts->web_port != facts->applications_port)
                (void) fprintf(f, ", %u", facts->web_port);
        (void) fputs(" } accept\n", f);
}

/* This host and trusted proxies speak for many. */
static void put_exempt(FILE *f, char *const *proxies)
{
        (void) fputs("\t\tiifname \"lo\" accept\n", f);
        for (char *const *one = proxies; one && *one; one++)
                (void) fprintf(f, "\t\t%s saddr %s accept\n", strchr(*one, ':') ? "ip6" : "ip", *one);
}

static void put_limit(FILE *f, const char *whose, const char *set, const char *key, unsigned limit)
{
        (void) fprintf(f, "\t\t%sadd @%s { %s ct count over %u } counter reject with tcp reset\n", whose,
                        set, key, limit);
}

void visitor_rules_put(FILE *f, const RuleFacts *facts)
{
        if (facts->visitor_connections == 0)
                return;
        put_set(f, "visitors", "ipv4_addr");
        put_set(f, "visitors6", "ipv6_addr");
        (void) fputs("\tchain visitors {\n"
                     "\t\ttype filter hook input priority filter - 4; policy accept;\n"
                     "\t\tmeta l4proto != tcp accept\n",
                        f);
        put_ports(f, facts);
        (void) fputs("\t\tct state != new accept\n", f);
        put_exempt(f, facts->proxies);
        put_limit(f, "", "visitors", "ip saddr", facts->visitor_connections);
        /* One subscriber has a whole /64 of public addresses; in a tailnet it is full of others. */
        put_limit(f, "ip6 saddr 2000::/3 ", "visitors6",
                        "ip6 saddr & ffff:ffff:ffff:ffff::", facts->visitor_connections);
        put_limit(f, "ip6 saddr != 2000::/3 ", "visitors6", "ip6 saddr", facts->visitor_connections);
        (void) fputs("\t}\n", f);
}
