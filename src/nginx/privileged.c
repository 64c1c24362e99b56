/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "basic/log.h"
#include "basic/string-util.h"
#include "nginx/site.h"

static char *left_line(const Port *port)
{
        return str_printf("port %u\n", port->number);
}

static bool is_in(const char *text, const char *line)
{
        return text && strstr(text, line);
}

static int leave(char **left, const char *line)
{
        char *more;

        if (is_in(*left, line))
                return 0;
        more = str_printf("%s%s", *left, line);
        if (!more)
                return -ENOMEM;
        free(*left);
        *left = more;
        return 0;
}

/* *ret_fd stays as it is where the port is not to be had, for whatever reason. 0 or -ENOMEM. */
static int open_or_leave(const Port *port, const char *earlier, int *ret_fd, char **left)
{
        _cleanup_free_ char *line = left_line(port);
        int r;

        if (!line)
                return -ENOMEM;
        r = is_in(earlier, line) ? -EADDRINUSE : port_open(port->family, port->number, ret_fd);
        if (r == -EADDRINUSE)
                return leave(left, line);
        if (r < 0 && r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL)
                log_warning_errno(r, "Port %u (%s) cannot be opened: %m", port->number,
                                port_family_to_string(port));
        return 0;
}

/* Visitors of one name would meet two services if each had the addresses of one family. */
static bool is_left(const Port *port, const char *left)
{
        _cleanup_free_ char *line = left_line(port);

        return !line || is_in(left, line);
}

int site_open_privileged(const Site *site, const char *earlier, int *ret_fds, size_t *ret_n, char **ret_left)
{
        _cleanup_free_ char *left = strdup("");
        int fds[SITE_PORTS_MAX], r = left ? 0 : -ENOMEM;
        size_t n = 0;

        for (size_t i = 0; i < site->n_ports; i++) {
                fds[i] = -1;
                if (r >= 0 && port_is_privileged(site->ports + i))
                        r = open_or_leave(site->ports + i, earlier, fds + i, &left);
        }
        for (size_t i = 0; i < site->n_ports; i++)
                if (fds[i] >= 0 && r >= 0 && !is_left(site->ports + i, left))
                        ret_fds[n++] = fds[i];
                else
                        close_fd(fds[i]);
        if (r < 0)
                return r;
        *ret_n = n;
        *ret_left = TAKE_PTR(left);
        return 0;
}
