/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "auth/auth.h"
#include "auth/network.h"
#include "basic/string-util.h"
#include "nginx/site.h"

/* callers.conf: from which addresses and by which names the site may be used, for the maps of nginx/callers.conf. */

typedef void (*NetworkWriter)(FILE *file, const char *network);

static void write_geo_line(FILE *file, const char *network)
{
        fprintf(file, "    %s 1;\n", network);
}

static void write_proxy_line(FILE *file, const char *network)
{
        fprintf(file, "set_real_ip_from %s;\n", network);
}

static bool network_equal(const Network *a, const Network *b)
{
        return a->bits == b->bits && network_contains(a, &b->address);
}

static bool is_repeated(const NetworkList *list, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (network_equal(&list->items[k], &list->items[i]))
                        return true;
        return false;
}

/* nginx warns of a network that is there twice, and of bits beyond its mask. */
static void write_list(FILE *file, const NetworkList *list, NetworkWriter writer)
{
        for (size_t i = 0; i < list->n; i++) {
                char text[NETWORK_STRING_MAX];

                if (!is_repeated(list, i))
                        writer(file, network_to_text(&list->items[i], text));
        }
}

static int write_geo(FILE *file, const char *what, const NetworkList *list)
{
        fprintf(file, "geo %s {\n    default \"\";\n", what);
        write_list(file, list, write_geo_line);
        fprintf(file, "}\n");
        return 0;
}

static int parse(char *const *words, const char *const *defaults, NetworkList *ret)
{
        return network_list_parse(words ? (const char *const *) words : defaults, ret);
}

/* ---- Networks ---- */

static int write_proxies(FILE *file, const Config *config)
{
        static const char *const defaults[] = { AUTH_TRUSTED_PROXIES, NULL };
        _cleanup_(network_list_done) NetworkList proxies = { 0 };
        int r;

        r = parse(config->trusted_proxies, defaults, &proxies);
        if (r < 0)
                return r;
        fprintf(file, "real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n");
        write_list(file, &proxies, write_proxy_line);
        return write_geo(file, "$realip_remote_addr $ark_is_proxy", &proxies);
}

static int write_visitors(FILE *file, const char *what, char *const *words)
{
        static const char *const defaults[] = { AUTH_VISITOR_NETWORKS, NULL };
        _cleanup_(network_list_done) NetworkList visitors = { 0 };
        int r;

        r = parse(words, defaults, &visitors);
        return r < 0 ? r : write_geo(file, what, &visitors);
}

static int write_pool(FILE *file, const Config *config)
{
        const char *const words[] = { config->subnet_pool, NULL };
        _cleanup_(network_list_done) NetworkList pool = { 0 };
        int r;

        r = network_list_parse(words, &pool);
        return r < 0 ? r : write_geo(file, "$ark_is_in_pool", &pool);
}

/* ---- Names ---- */

/* What is none is no name that anybody could ask for, and nothing to write into nginx's configuration. */
static void write_name(FILE *file, const char *name)
{
        if (*name == '\0' ||
                        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") <
                                        strlen(name))
                return;
        fputc('|', file);
        for (const char *p = name; *p; p++)
                fprintf(file, *p == '.' ? "\\." : "%c", *p);
}

static void write_names(FILE *file, const Config *config)
{
        const char *const urls[] = { config->base_url, config->applications.url };
        char host[AUTH_HOST_MAX + 1];

        fprintf(file, "localhost");
        for (size_t i = 0; i < ELEMENTSOF(urls); i++)
                if (urls[i] && auth_url_host(urls[i], host) >= 0)
                        write_name(file, host);
        for (char *const *name = config->allowed_hosts; name && *name; name++)
                write_name(file, *name);
}

/* None is known here that arkd does not know (auth/host.c): about the others it is asked. */
#define PORT         "(:(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}))?$"
#define OCTET        "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define GROUPS       "[0-9a-f]{1,4}(:[0-9a-f]{1,4})"
#define EIGHT_GROUPS GROUPS "{7}"
/* With a gap, which stands for one at least. */
#define FEWER_GROUPS "(?!:*([0-9a-f]+:+){7}[0-9a-f])(" GROUPS "*)?::(" GROUPS "*)?"

static void write_known_host(FILE *file, const Config *config, const char *what)
{
        fprintf(file, "map %s {\n    default \"\";\n", what);
        fprintf(file, "    \"~^(" OCTET "\\.){3}" OCTET PORT "\" 1;\n");
        fprintf(file, "    \"~*^\\[(" EIGHT_GROUPS "|" FEWER_GROUPS ")\\]" PORT "\" 1;\n");
        fprintf(file, "    \"~*^(");
        write_names(file, config);
        fprintf(file, ")\\.?" PORT "\" 1;\n}\n");
}

int write_callers(FILE *file, const Site *site)
{
        const Config *config = site->config;
        char *const *instances =
                        config->instance_networks ? config->instance_networks : config->visitor_networks;
        int r;

        r = write_proxies(file, config);
        if (r >= 0)
                r = write_visitors(file, "$ark_is_visitor", config->visitor_networks);
        if (r >= 0)
                r = write_visitors(file, "$ark_is_user", instances);
        if (r >= 0)
                r = write_pool(file, config);
        if (r < 0)
                return r;
        write_known_host(file, config, "$http_host $ark_host_is_known");
        write_known_host(file, config, "$ark_host $ark_forwarded_host_is_known");
        fprintf(file, "map $ark_is_proxy $ark_funnel {\n    default \"\";\n%s}\n",
                        config->allow_funnel ? "" : "    1 $http_tailscale_funnel_request;\n");
        return 0;
}

/* ---- For arkctl ---- */

static bool is_everybody(char *const *words)
{
        for (char *const *word = words; word && *word; word++) {
                Network network;

                if (network_parse(*word, &network) >= 0 && network.bits == 0)
                        return true;
        }
        return false;
}

int write_open(FILE *file, const Site *site)
{
        const Config *config = site->config;
        bool landing = is_everybody(config->visitor_networks);

        fprintf(file, "landing %s\n", landing ? "everybody" : "networks");
        fprintf(file, "instances %s\n",
                        (config->instance_networks ? is_everybody(config->instance_networks) : landing)
                                        ? "everybody"
                                        : "networks");
        fprintf(file, "funnel %s\n", config->allow_funnel ? "allowed" : "refused");
        return 0;
}
