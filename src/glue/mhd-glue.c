/* SPDX-License-Identifier: MIT */
#include "glue/mhd-glue.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "glue/mhd-internal.h"

#define SWEEP_USEC     (2 * USEC_PER_SEC)
#define PAUSE_USEC     (100 * USEC_PER_MSEC)
#define DRAIN_USEC     (100 * USEC_PER_MSEC)
#define TIMER_MAX_MSEC UINT64_C(60000)

/* libmicrohttpd's epoll is edge-triggered and its timeouts are its own: it wants to be run again when it says so,
 * whatever its descriptor says. */
static void glue_arm_timer(MhdGlue *g)
{
        MHD_UNSIGNED_LONG_LONG ms;
        int r;

        if (MHD_get_timeout(g->daemon, &ms) != MHD_YES) {
                (void) sd_event_source_set_enabled(g->timer, SD_EVENT_OFF);
                return;
        }
        if (ms > TIMER_MAX_MSEC)
                ms = TIMER_MAX_MSEC;
        r = sd_event_source_set_time_relative(g->timer, ms * USEC_PER_MSEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error_errno(r, "HTTP timeouts cannot be armed: %m");
}

void mhd_glue_kick(MhdGlue *g)
{
        if (!g->timer)
                return;
        (void) sd_event_source_set_time_relative(g->timer, 0);
        (void) sd_event_source_set_enabled(g->timer, SD_EVENT_ONESHOT);
}

/* At its limit libmicrohttpd stops listening. It begins again in the run after the one that closed a connection,
 * but nothing would call for that one. */
static void glue_run(MhdGlue *g)
{
        g->closed = false;
        g->changed = false;
        (void) MHD_run(g->daemon);
        if (g->closed) {
                g->closed = false;
                (void) MHD_run(g->daemon);
        }
        glue_arm_timer(g);
        if (g->closed)
                mhd_glue_kick(g);
}

static int glue_on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        MhdGlue *g = userdata;

        glue_run(g);
        /* Where there was no connection and is none now, it was a new one that could not be accepted: no descriptors
         * are left. libmicrohttpd would try again and again, and take the whole processor. */
        if (LIST_EMPTY(&g->connections) && !g->changed) {
                (void) sd_event_source_set_enabled(g->io, SD_EVENT_OFF);
                (void) sd_event_source_set_time_relative(g->timer, PAUSE_USEC);
                (void) sd_event_source_set_enabled(g->timer, SD_EVENT_ONESHOT);
        }
        return 0;
}

static int glue_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        MhdGlue *g = userdata;

        (void) sd_event_source_set_enabled(g->io, SD_EVENT_ON);
        glue_run(g);
        return 0;
}

/*
 * Where there is no descriptor for a new connection, libmicrohttpd listens again only once one of those that it has is
 * gone, and a stream may last for an hour. So where somebody waits, it gets one with nobody at the other end.
 */
static void glue_listen_again(MhdGlue *g)
{
        static const struct sockaddr nobody = { .sa_family = AF_UNIX };
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(g->daemon, MHD_DAEMON_INFO_LISTEN_FD);
        struct pollfd listener = { .fd = info ? info->listen_fd : -1, .events = POLLIN };
        int fd;

        if (poll(&listener, 1, 0) <= 0)
                return;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return; /* there is none as yet */
        (void) MHD_add_connection(g->daemon, fd, &nobody, sizeof nobody);
        mhd_glue_kick(g);
}

/* Cuts off who sends or reads too slowly: libmicrohttpd itself knows only of idleness, and a byte a second is not
 * idle. It closes the connection when it finds the socket shut down. */
static int glue_on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
        MhdGlue *g = userdata;
        uint64_t now = now_monotonic();
        MhdConnection *c;

        LIST_FOREACH(c, &g->connections, list)
        if (c->deadline_usec < now)
                (void) shutdown(c->fd, SHUT_RDWR);
        if (!LIST_EMPTY(&g->connections)) {
                glue_listen_again(g);
                (void) sd_event_source_set_time_relative(g->sweep, SWEEP_USEC);
                (void) sd_event_source_set_enabled(g->sweep, SD_EVENT_ONESHOT);
        }
        return 0;
}

static MhdConnection *connection_of(struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info =
                        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

        return info ? info->socket_context : NULL;
}

void mhd_connection_set_asked(struct MHD_Connection *connection)
{
        MhdConnection *c = connection_of(connection);

        if (c)
                c->asked = true;
}

void mhd_connection_set_deadline(struct MHD_Connection *connection, uint64_t usec)
{
        MhdConnection *c = connection_of(connection);

        if (c)
                c->deadline_usec = usec == UINT64_MAX ? UINT64_MAX : now_monotonic() + usec;
}

static void glue_on_connection(void *userdata, struct MHD_Connection *connection, void **socket_context,
                enum MHD_ConnectionNotificationCode code)
{
        MhdGlue *g = userdata;
        MhdConnection *c = *socket_context;
        const union MHD_ConnectionInfo *info;

        g->changed = true;
        if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
                g->closed = true;
                if (c)
                        LIST_REMOVE(c, list);
                *socket_context = mfree(c);
                return;
        }
        info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        c = new0(MhdConnection, 1);
        if (!c || !info) {
                /* Nobody would watch its deadline. */
                if (info)
                        (void) shutdown(info->connect_fd, SHUT_RDWR);
                free(c);
                log_oom();
                return;
        }
        c->fd = info->connect_fd;
        c->deadline_usec = now_monotonic() + g->limits.transfer_usec;
        if (LIST_EMPTY(&g->connections) && g->sweep) {
                (void) sd_event_source_set_time_relative(g->sweep, SWEEP_USEC);
                (void) sd_event_source_set_enabled(g->sweep, SD_EVENT_ONESHOT);
        }
        LIST_INSERT_HEAD(&g->connections, c, list);
        *socket_context = c;
}

_printf_(2, 0) static void glue_on_log(void *userdata, const char *format, va_list ap)
{
        char line[512];
        size_t n;

        (void) vsnprintf(line, sizeof line, format, ap);
        n = strcspn(line, "\r\n");
        line[n] = 0;
        log_debug("libmicrohttpd: %s", line);
}

static int glue_start_daemon(MhdGlue *g, int fd)
{
        g->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
                        NULL, mhd_exchange_on_access, g, MHD_OPTION_EXTERNAL_LOGGER, glue_on_log, NULL,
                        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, g->limits.connections,
                        MHD_OPTION_CONNECTION_TIMEOUT, g->limits.idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                        g->limits.memory, MHD_OPTION_URI_LOG_CALLBACK, mhd_exchange_on_target, g,
                        MHD_OPTION_NOTIFY_COMPLETED, mhd_exchange_on_completed, g,
                        MHD_OPTION_NOTIFY_CONNECTION, glue_on_connection, g, MHD_OPTION_END);
        return g->daemon ? 0 : -EIO;
}

static int glue_attach(MhdGlue *g)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(g->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        int r;

        if (!info || info->epoll_fd < 0)
                return -EIO;
        r = sd_event_add_io(g->event, &g->io, info->epoll_fd, EPOLLIN, glue_on_io, g);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(
                        g->event, &g->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, glue_on_timer, g);
        if (r < 0)
                return r;
        return sd_event_add_time_relative(
                        g->event, &g->sweep, CLOCK_MONOTONIC, SWEEP_USEC, USEC_PER_SEC, glue_on_sweep, g);
}

int mhd_glue_new(sd_event *event, int fd, const MhdLimits *limits, const MhdHandlers *handlers,
                void *userdata, MhdGlue **ret)
{
        _cleanup_(mhd_glue_freep) MhdGlue *g = new0(MhdGlue, 1);
        int r;

        if (!g)
                return -ENOMEM;
        g->event = sd_event_ref(event);
        g->limits = *limits;
        g->handlers = *handlers;
        g->userdata = userdata;
        g->listener = -1;
        LIST_INIT(&g->exchanges);
        LIST_INIT(&g->connections);
        r = glue_start_daemon(g, fd);
        if (r < 0)
                return r;
        r = glue_attach(g);
        if (r < 0) {
                /* The caller keeps fd on failure. */
                g->stopping = true;
                (void) MHD_quiesce_daemon(g->daemon);
                return r;
        }
        *ret = TAKE_PTR(g);
        return 0;
}

static bool glue_is_owed_a_request(MhdGlue *g)
{
        MhdConnection *c;

        LIST_FOREACH(c, &g->connections, list)
        if (!c->asked)
                return true;
        return false;
}

void mhd_glue_drain(MhdGlue *g)
{
        uint64_t now = now_monotonic(), end = now + DRAIN_USEC;

        if (g->listener >= 0 || g->stopping)
                return;
        g->listener = MHD_quiesce_daemon(g->daemon);
        for (; now < end && glue_is_owed_a_request(g); now = now_monotonic())
                (void) MHD_run_wait(g->daemon, (int32_t) ((end - now) / USEC_PER_MSEC));
}

/* libmicrohttpd aborts the process when it is stopped with suspended connections. */
static void glue_stop_daemon(MhdGlue *g)
{
        MhdExchange *e;

        if (!g->stopping && g->listener < 0)
                g->listener = MHD_quiesce_daemon(g->daemon);
        g->stopping = true;
        LIST_FOREACH(e, &g->exchanges, list)
        mhd_exchange_resume(e);
        for (unsigned i = 0; i < 3; i++)
                (void) MHD_run(g->daemon);
        MHD_stop_daemon(g->daemon);
        close_fd(g->listener);
}

MhdGlue *mhd_glue_free(MhdGlue *g)
{
        if (!g)
                return NULL;
        sd_event_source_disable_unref(g->io);
        g->timer = sd_event_source_disable_unref(g->timer);
        g->sweep = sd_event_source_disable_unref(g->sweep);
        if (g->daemon)
                glue_stop_daemon(g);
        sd_event_unref(g->event);
        free(g);
        return NULL;
}
