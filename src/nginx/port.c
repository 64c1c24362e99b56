/* SPDX-License-Identifier: MIT */
#include "nginx/port.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "basic/macro.h"

#define FIRST_UNPRIVILEGED 1024

const char *port_state_to_string(PortState state)
{
        static const char *const names[_PORT_STATE_MAX] = { "free", "taken", "absent", "waiting" };

        return names[state];
}

const char *port_family_to_string(const Port *port)
{
        return port->family == AF_INET6 ? "IPv6" : "IPv4";
}

bool port_is_privileged(const Port *port)
{
        return port->number < FIRST_UNPRIVILEGED;
}

/* As nginx does it. */
static int bind_any(int fd, int family, uint16_t number)
{
        struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(number) };
        struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(number) };
        const int yes = 1;
        int r;

        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0)
                return -errno;
        if (family == AF_INET)
                return bind(fd, (struct sockaddr *) &ipv4, sizeof ipv4) < 0 ? -errno : 0;
        r = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
        if (r >= 0)
                r = bind(fd, (struct sockaddr *) &ipv6, sizeof ipv6);
        return r < 0 ? -errno : 0;
}

int port_open(int family, uint16_t number, int *ret_fd)
{
        _cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -errno : bind_any(fd, family, number);

        if (r >= 0 && listen(fd, SOMAXCONN) < 0)
                r = -errno;
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int port_probe(int family, uint16_t number, PortState *ret)
{
        _cleanup_close_ int fd = -EBADF;
        int r = port_open(family, number, &fd);

        if (r >= 0)
                *ret = PORT_FREE;
        else if (r == -EADDRINUSE)
                *ret = PORT_TAKEN;
        else if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
                *ret = PORT_ABSENT;
        else
                return r;
        return 0;
}

static bool listens_there(int fd, const Port *port)
{
        union {
                struct sockaddr any;
                struct sockaddr_in ipv4;
                struct sockaddr_in6 ipv6;
        } address = { 0 };
        socklen_t n = sizeof address;

        if (getsockname(fd, &address.any, &n) < 0 || address.any.sa_family != port->family)
                return false;
        return ntohs(port->family == AF_INET6 ? address.ipv6.sin6_port : address.ipv4.sin_port) ==
               port->number;
}

bool port_is_handed(const Port *port, const int *fds, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (listens_there(fds[i], port))
                        return true;
        return false;
}
