/* SPDX-License-Identifier: MIT */

/* The ports of arkd-nginx.service. */

#include <errno.h>
#include <stdio.h>

#include "arkctl/checks.h"
#include "basic/file-util.h"
#include "basic/string-util.h"

#define LANDING_PORT     3000
#define PORTS_FILE       "/run/arkd-nginx/ports"
#define PORTS_FILE_MAX   (64 * 1024)
#define OPERATOR_EXAMPLE "/usr/share/arkd/nginx/operator.conf.example"

/* What arkd-nginx-config found: a line for each port, such as "public 3000 IPv4 taken". */
typedef struct PortLine {
        char server[32], state[16];
        unsigned number;
} PortLine;

/* The next one at or after *text, which then is what follows; false at the end. */
static bool next_port(const char **text, PortLine *ret)
{
        while (*text && **text) {
                const char *line = *text, *end = strchr(line, '\n');
                PortLine port;

                *text = end ? end + 1 : NULL;
                if (sscanf(line, "%31s %u %*7s %15s", port.server, &port.number, port.state) != 3)
                        continue;
                *ret = port;
                return true;
        }
        return false;
}

/* The landing page may be on a second one, by which nothing stands or falls. */
static bool is_web(const PortLine *port)
{
        return streq(port->server, "web") || (streq(port->server, "public") && port->number != LANDING_PORT);
}

int ports_find_taken(const char *text, const char *server, unsigned *ret_port)
{
        PortLine port;

        while (next_port(&text, &port)) {
                if (!streq(port.server, server) || is_web(&port) || !streq(port.state, "taken"))
                        continue;
                *ret_port = port.number;
                return 0;
        }
        return -ENOENT;
}

static char *read_ports(const Ctl *ctl)
{
        char *text = NULL;

        if (ctl_is_local(ctl))
                (void) read_file(PORTS_FILE, PORTS_FILE_MAX, &text, NULL);
        return text;
}

int check_ports(Ctl *ctl, Checks *checks)
{
        static const struct {
                const char *server, *what;
                Verdict verdict;
        } servers[] = {
                { "public", "the landing page is not reached there", VERDICT_FAILED },
                { "applications", "applications are not reached there", VERDICT_FAILED },
                { "admin", "the administrators' API is not reached there", VERDICT_WARNING },
        };
        _cleanup_free_ char *text = read_ports(ctl);
        unsigned port;

        for (size_t i = 0; text && i < ELEMENTSOF(servers); i++) {
                _cleanup_free_ char *remedy = NULL;

                if (ports_find_taken(text, servers[i].server, &port) < 0)
                        continue;
                remedy = str_printf(
                                "See \"ss -ltnp sport = :%u\", stop or move that service, then systemctl "
                                "%s arkd-nginx.",
                                port, port < 1024 ? "restart" : "reload");
                return checks_add(checks, "nginx", servers[i].verdict, remedy,
                                "Another service listens on port %u: %s", port, servers[i].what);
        }
        return checks_add(checks, "nginx", VERDICT_OK, NULL, "nginx serves the landing page on port %d",
                        LANDING_PORT);
}

int checks_add_web(Checks *checks, const char *text)
{
        PortLine port;
        bool found = false;

        /* One family of addresses stands for both, unless it is absent. */
        while (text && !found && next_port(&text, &port))
                found = is_web(&port) && !streq(port.state, "absent");
        if (!found)
                return checks_add(checks, "web", VERDICT_OK, NULL, "No port is asked for (WebPort=)");
        if (streq(port.state, "taken"))
                return checks_add(checks, "web", VERDICT_OK,
                                "Have that service lead to the landing page, as " OPERATOR_EXAMPLE
                                " does for nginx, or stop it, then systemctl restart arkd-nginx.",
                                "Port %u is left to another service; see " OPERATOR_EXAMPLE, port.number);
        if (streq(port.state, "waiting"))
                return checks_add(checks, "web", VERDICT_OK,
                                "systemctl restart arkd-nginx, which ends its connections.",
                                "Port %u is not served before arkd-nginx is restarted", port.number);
        return checks_add(checks, "web", VERDICT_OK, NULL,
                        streq(port.server, "web") ? "Port %u leads to the landing page"
                                                  : "The landing page is on port %u, too",
                        port.number);
}

int check_web(Ctl *ctl, Checks *checks)
{
        _cleanup_free_ char *text = read_ports(ctl);

        return text ? checks_add_web(checks, text)
                    : checks_add(checks, "web", VERDICT_SKIPPED, NULL, "It cannot be seen from here");
}
