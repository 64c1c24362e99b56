/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "auth/auth.h"
#include "basic/macro.h"
#include "nginx/site.h"

#define WORKERS_MAX 4
/* For listening sockets, arkd's own, and idle ones that wait to be closed. */
#define CONNECTIONS_SPARE 1024

/* Included where requests go to arkd. */
static int write_key(FILE *file, const Site *site)
{
        if (!site->key)
                return -ENODATA;
        fprintf(file, "proxy_set_header X-Ark-Proxy-Key \"%s\";\n", site->key);
        return 0;
}

/* Several share the work of the fastest hosts' visitors; more would only take memory. */
static unsigned count_workers(void)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);

        return cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (unsigned) cores;
}

/*
 * One worker may come to hold all visitors, and each of them takes a second connection when passed on. Included at the
 * top of nginx.conf.
 */
static int write_main(FILE *file, const Site *site)
{
        fprintf(file, "worker_processes %u;\nevents {\n    worker_connections %u;\n}\n", count_workers(),
                        2 * site->config->connections_max + CONNECTIONS_SPARE);
        return 0;
}

/* Included in the http block. */
static int write_limits(FILE *file, const Site *site)
{
        const Config *config = site->config;

        fprintf(file, "limit_conn_zone $ark_client zone=ark_client:16m;\n"
                      "limit_conn_zone $ark_id zone=ark_instance:16m;\n");
        fprintf(file, "limit_req_zone $ark_client zone=ark_api:16m rate=%ur/s;\n", config->requests_rate);
        fprintf(file, "limit_conn ark_client %u;\nlimit_conn ark_instance %u;\n",
                        config->connections_visitor, config->connections_instance);
        return 0;
}

/* Included where requests go to arkd's API. */
static int write_api_limit(FILE *file, const Site *site)
{
        fprintf(file, "limit_req zone=ark_api burst=%u nodelay;\n", 2 * site->config->requests_rate);
        return 0;
}

static bool is_served(const Site *site, const char *server)
{
        for (size_t i = 0; i < site->n_ports; i++)
                if (streq(site->ports[i].server, server) && site->ports[i].state == PORT_FREE)
                        return true;
        return false;
}

/*
 * nginx -t opens every port that it finds, and would be refused those that only the nginx that runs was handed; it opens
 * sockets in their place, which it removes again.
 */
static void write_listen(FILE *file, const Port *port, bool test)
{
        if (test && port_is_privileged(port))
                fprintf(file, "    listen unix:/run/arkd-nginx/test-%s-%u.sock;\n",
                                port_family_to_string(port), port->number);
        else
                fprintf(file, "    listen %s%u backlog=4096 so_keepalive=on;\n",
                                port->family == AF_INET6 ? "[::]:" : "", port->number);
}

/* A server without a port would listen on one of nginx's choice: it is left out. */
static void write_server(FILE *file, const Site *site, const char *server, bool test)
{
        if (!is_served(site, server))
                return;
        fprintf(file, "server {\n");
        for (size_t i = 0; i < site->n_ports; i++) {
                const Port *port = site->ports + i;

                if (streq(port->server, server) && port->state == PORT_FREE)
                        write_listen(file, port, test);
        }
        fprintf(file, "    include /usr/share/arkd/nginx/%s.conf;\n}\n", server);
}

static void write_all_servers(FILE *file, const Site *site, bool test)
{
        for (size_t i = 0; i < site->n_ports; i++)
                if (i == 0 || !streq(site->ports[i].server, site->ports[i - 1].server))
                        write_server(file, site, site->ports[i].server, test);
}

static int write_servers(FILE *file, const Site *site)
{
        write_all_servers(file, site, false);
        return 0;
}

static int write_test_servers(FILE *file, const Site *site)
{
        write_all_servers(file, site, true);
        return 0;
}

/* Included where visitors are led to the landing page. The URL is checked here as well: one mistake would cost the whole site. */
static int write_landing(FILE *file, const Site *site)
{
        const char *url = site->config->base_url;

        if (url && auth_url_is_valid(url))
                fprintf(file, "set $ark_landing %s;\n", url);
        else
                fprintf(file, "set $ark_landing http://$ark_name:%d;\n", LANDING_PORT);
        return 0;
}

static int write_ports(FILE *file, const Site *site)
{
        for (size_t i = 0; i < site->n_ports; i++)
                fprintf(file, "%s %u %s %s\n", site->ports[i].server, site->ports[i].number,
                                port_family_to_string(site->ports + i),
                                port_state_to_string(site->ports[i].state));
        return 0;
}

const Piece site_pieces[] = {
        { .name = "main.conf", .mode = 0644, .write = write_main },
        { .name = "limits.conf", .mode = 0644, .write = write_limits },
        { .name = "api-limit.conf", .mode = 0644, .write = write_api_limit },
        { .name = "key.conf", .mode = 0600, .write = write_key },
        { .name = "callers.conf", .mode = 0644, .write = write_callers },
        { .name = "landing.conf", .mode = 0644, .write = write_landing },
        { .name = "servers.conf", .mode = 0644, .write = write_servers, .of_ports = true },
        { .name = "test-servers.conf", .mode = 0644, .write = write_test_servers, .of_ports = true },
        { .name = "open", .mode = 0644, .write = write_open },
        { .name = SITE_PORTS_FILE, .mode = 0644, .write = write_ports, .of_ports = true },
};
const size_t n_site_pieces = ELEMENTSOF(site_pieces);
