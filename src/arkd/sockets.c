/* SPDX-License-Identifier: MIT */
#include "arkd/sockets.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "basic/string-util.h"

static int socket_take(HttpServer *server, const char *name, int fd)
{
        ListenerKind kind = listener_kind_from_string(name);
        int r;

        if (kind == LISTENER_NONE || kind == LISTENER_BUS) {
                log_warning("Socket “%s” is not one of public, admin and local; it is closed", name);
                close(fd);
                return 0;
        }
        r = http_server_add_listener(server, kind, fd);
        return r < 0 ? r : 1;
}

int sockets_take(HttpServer *server)
{
        _cleanup_(strv_freep) char **names = NULL;
        int n, taken = 0;

        n = sd_listen_fds_with_names(1, &names);
        if (n < 0)
                return log_error_errno(n, "Cannot read which sockets were passed: %m");
        for (int i = 0; i < n; i++) {
                int r = socket_take(server, names[i], SD_LISTEN_FDS_START + i);

                if (r < 0)
                        return r;
                taken += r;
        }
        return taken;
}

static bool is_waited_on(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 0) > 0;
}

void sockets_turn_away(void)
{
        int n = sd_listen_fds(1);

        for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++)
                while (is_waited_on(fd)) {
                        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

                        if (peer < 0)
                                break;
                        close(peer);
                }
}
