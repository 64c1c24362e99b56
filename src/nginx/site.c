/* SPDX-License-Identifier: MIT */
#include "nginx/site.h"

#include <errno.h>
#include <sys/socket.h>

#include "basic/file-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/string-util.h"
#include "core/model/instance-url.h"

#define PORTS_FILE_MAX (64 * 1024)

/* ---- Ports ---- */

/* Whoever has the address of the landing page with this port is there already; all others are led to it. */
static const char *web_server(const Config *config)
{
        return config->base_url && url_is_http_on(config->base_url, config->web_port) ? "public" : "web";
}

static void site_add_port(Site *site, const char *server, unsigned number)
{
        static const int families[] = { AF_INET, AF_INET6 };

        for (size_t i = 0; i < ELEMENTSOF(families); i++)
                site->ports[site->n_ports++] = (Port){
                        .server = server,
                        .number = (uint16_t) number,
                        .family = families[i],
                };
}

/* All ports of one server are next to each other. */
void site_add_ports(Site *site)
{
        const Config *config = site->config;

        site_add_port(site, "public", LANDING_PORT);
        if (config->web_port != 0 && config->web_port != config->applications.port)
                site_add_port(site, web_server(config), config->web_port);
        site_add_port(site, "admin", 3001);
        /* Where the landing page's port is theirs too, that server has them. */
        if (config->applications.port != LANDING_PORT)
                site_add_port(site, "applications", config->applications.port);
}

/* Whichever server had the port: nginx keeps it when another one gets it. */
static bool had_state(const Port *port, const char *earlier, PortState state)
{
        _cleanup_free_ char *line = str_printf(" %u %s %s\n", port->number, port_family_to_string(port),
                        port_state_to_string(state));

        return line && strstr(earlier, line);
}

static void log_taken(const Site *site, const Port *port)
{
        /* The host's own web server may well have it, and keeps it. */
        if (port->number == site->config->web_port)
                log_notice("Port %u (%s) is left to the service that has it, so URLs without a port do not "
                           "lead here; see WebPort= in arkd.conf(5)",
                                port->number, port_family_to_string(port));
        else
                log_full(LOG_ERR, 0, LOG_ABOUT(.message_id = MESSAGE_PORT_TAKEN),
                                "Another service listens on port %u (%s), so it is not served here; see “ss "
                                "-ltnp sport = :%u”, free it, then systemctl %s arkd-nginx",
                                port->number, port_family_to_string(port), port->number,
                                port_is_privileged(port) ? "restart" : "reload");
}

/* The socket that nginx was handed when it started is all that it has: a reload can be given none. */
static PortState find_privileged(const Site *site, const Port *port, const char *earlier)
{
        PortState family;

        if (earlier && had_state(port, earlier, PORT_TAKEN))
                return PORT_TAKEN;
        if (!earlier && port_is_handed(port, site->handed, site->n_handed))
                return PORT_FREE;
        /* Any port tells whether there are such addresses. */
        if (port_probe(port->family, 0, &family) >= 0 && family == PORT_ABSENT)
                return PORT_ABSENT;
        return earlier ? PORT_WAITING : PORT_TAKEN;
}

static int find_port(const Site *site, Port *port, const char *earlier)
{
        int r = 0;

        if (earlier && had_state(port, earlier, PORT_FREE))
                port->state = PORT_FREE;
        else if (port_is_privileged(port))
                port->state = find_privileged(site, port, earlier);
        else
                r = port_probe(port->family, port->number, &port->state);
        if (r < 0)
                return log_error_errno(r, "Cannot tell whether port %u is free: %m", port->number);
        if (port->state == PORT_TAKEN)
                log_taken(site, port);
        return 0;
}

static char *read_ports(const char *directory)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, SITE_PORTS_FILE);
        char *text = NULL;

        if (path)
                (void) read_file(path, PORTS_FILE_MAX, &text, NULL);
        return text;
}

int site_find_ports(Site *site, const char *directory, bool reload)
{
        _cleanup_free_ char *earlier = reload ? read_ports(directory) : NULL;
        int r = 0;

        site_add_ports(site);
        for (size_t i = 0; r >= 0 && i < site->n_ports; i++)
                r = find_port(site, site->ports + i, earlier);
        return r;
}

/* ---- Pieces ---- */

static int piece_to_text(const Piece *piece, const Site *site, char **ret)
{
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);
        int r;

        if (!file)
                return -ENOMEM;
        fprintf(file, "# Written by arkd-nginx-config: changes here are lost.\n");
        r = piece->write(file, site);
        if (ferror(file) && r >= 0)
                r = -ENOMEM;
        if (fclose(file) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        return 0;
}

static int piece_write(const Piece *piece, const Site *site, const char *directory)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, piece->name), *text = NULL;
        int r = path ? piece_to_text(piece, site, &text) : -ENOMEM;

        if (r >= 0)
                r = write_file_atomic(path, text, piece->mode);
        if (r == -ENODATA)
                return 0;
        return r < 0 ? log_error_errno(r, "Cannot write %s/%s: %m", directory, piece->name) : 0;
}

int site_write(const Site *site, const char *directory)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n_site_pieces; i++)
                r = piece_write(site_pieces + i, site, directory);
        return r;
}

/* ---- Without a configuration ---- */

static const char *known_server(const char *name)
{
        static const char *const servers[] = { "public", "web", "admin", "applications" };

        for (size_t i = 0; i < ELEMENTSOF(servers); i++)
                if (streq(servers[i], name))
                        return servers[i];
        return NULL;
}

/* A line that write_ports() has written. */
static void recall_port(Site *site, const char *line)
{
        char server[32], family[8], state[16];
        unsigned number;
        Port port;

        if (site->n_ports == SITE_PORTS_MAX ||
                        sscanf(line, "%31s %u %7s %15s", server, &number, family, state) != 4 ||
                        number > UINT16_MAX)
                return;
        port = (Port){ .server = known_server(server),
                .number = (uint16_t) number,
                .family = streq(family, "IPv6") ? AF_INET6 : AF_INET };
        for (PortState s = 0; s < _PORT_STATE_MAX; s++)
                if (streq(state, port_state_to_string(s)))
                        port.state = s;
        if (port_is_privileged(&port))
                port.state = port_is_handed(&port, site->handed, site->n_handed) ? PORT_FREE : PORT_WAITING;
        if (port.server)
                site->ports[site->n_ports++] = port;
}

int site_keep(Site *site, const char *directory)
{
        _cleanup_free_ char *earlier = read_ports(directory);
        int r = 0;

        for (const char *line = earlier; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                recall_port(site, line);
        }
        for (size_t i = 0; r >= 0 && i < n_site_pieces; i++)
                if (site_pieces[i].of_ports)
                        r = piece_write(site_pieces + i, site, directory);
        return r;
}
