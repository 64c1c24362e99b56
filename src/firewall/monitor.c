/* SPDX-License-Identifier: MIT */
#include "firewall/monitor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sys/inotify.h>

#include "basic/log.h"
#include "firewall/resolvers.h"
#include "firewall/rules.h"

#define RECEIVE_BYTES (256 * 1024) /* one burst of the engine's; more is told as all */

/* Directories, as files there are replaced by others. */
static const char *const resolver_directories[] = { "/etc", "/run/systemd/resolve" };

struct Monitor {
        MonitorHandler handler;
        void *userdata;
        struct mnl_socket *rules, *addresses;
        sd_event_source *sources[2 + ELEMENTSOF(resolver_directories)];
        size_t n_sources;
};

/* ---- Netlink ---- */

/* Every message about a table or what is in one names it in the same attribute, the first of its kind. */
static int on_attribute(const struct nlattr *attribute, void *userdata)
{
        MonitorChange *change = userdata;

        if (mnl_attr_get_type(attribute) != NFTA_TABLE_NAME)
                return MNL_CB_OK;
        if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0 &&
                        streq(mnl_attr_get_str(attribute), FIREWALL_TABLE))
                *change = MONITOR_TABLES;
        return MNL_CB_STOP;
}

static MonitorChange message_change(const struct nlmsghdr *message)
{
        MonitorChange change = MONITOR_OTHER_TABLES;

        if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
                        NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWGEN)
                return 0;
        (void) mnl_attr_parse(message, sizeof(struct nfgenmsg), on_attribute, &change);
        return change;
}

/* Reads all there is. Answers what it comes to; where some was lost, what it may have been. */
static MonitorChange read_rule_changes(struct mnl_socket *socket)
{
        MonitorChange changes = 0;
        char buffer[16384];
        ssize_t n;

        while ((n = mnl_socket_recvfrom(socket, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
                int left = (int) n;

                for (struct nlmsghdr *m = (void *) buffer; mnl_nlmsg_ok(m, left);
                                m = mnl_nlmsg_next(m, &left))
                        changes |= message_change(m);
        }
        if (n < 0 && errno != EAGAIN) {
                log_debug("Changes of the ruleset were lost: %s", strerror(errno));
                changes = MONITOR_TABLES | MONITOR_OTHER_TABLES;
        }
        return changes;
}

static int on_rules(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Monitor *m = userdata;
        MonitorChange changes = read_rule_changes(m->rules);

        if (changes)
                m->handler(changes, m->userdata);
        return 0;
}

static int on_addresses(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Monitor *m = userdata;
        char buffer[16384];

        while (mnl_socket_recvfrom(m->addresses, buffer, sizeof buffer) > 0 || errno == ENOBUFS)
                ;
        m->handler(MONITOR_ADDRESSES, m->userdata);
        return 0;
}

static int open_netlink(int bus, unsigned groups, struct mnl_socket **ret)
{
        struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
        int size = RECEIVE_BYTES;

        if (!socket)
                return -errno;
        if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
                int error = -errno;

                (void) mnl_socket_close(socket);
                return error;
        }
        /* Past the system's bound for others: CAP_NET_ADMIN may. */
        (void) setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
        *ret = socket;
        return 0;
}

static int watch_netlink(Monitor *m, sd_event *event)
{
        int r;

        r = open_netlink(NETLINK_NETFILTER, 1U << (NFNLGRP_NFTABLES - 1), &m->rules);
        if (r >= 0)
                r = open_netlink(NETLINK_ROUTE, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, &m->addresses);
        if (r >= 0)
                r = sd_event_add_io(event, &m->sources[m->n_sources++], mnl_socket_get_fd(m->rules), EPOLLIN,
                                on_rules, m);
        if (r >= 0)
                r = sd_event_add_io(event, &m->sources[m->n_sources++], mnl_socket_get_fd(m->addresses),
                                EPOLLIN, on_addresses, m);
        return r;
}

/* ---- Files ---- */

static int on_file(sd_event_source *source, const struct inotify_event *e, void *userdata)
{
        Monitor *m = userdata;

        if (e->len == 0 || streq(e->name, "resolv.conf"))
                m->handler(MONITOR_RESOLVERS, m->userdata);
        return 0;
}

/* One that is not there, as systemd-resolved is not, is not watched. */
static int watch_files(Monitor *m, sd_event *event)
{
        for (size_t i = 0; i < ELEMENTSOF(resolver_directories); i++) {
                int r = sd_event_add_inotify(event, &m->sources[m->n_sources], resolver_directories[i],
                                IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_CREATE | IN_ONLYDIR, on_file,
                                m);

                if (r >= 0)
                        m->n_sources++;
                else if (r != -ENOENT)
                        return r;
        }
        return 0;
}

int monitor_new(sd_event *event, MonitorHandler handler, void *userdata, Monitor **ret)
{
        _cleanup_(monitor_freep) Monitor *m = new0(Monitor, 1);
        int r;

        if (!m)
                return -ENOMEM;
        m->handler = handler;
        m->userdata = userdata;
        r = watch_netlink(m, event);
        if (r >= 0)
                r = watch_files(m, event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

Monitor *monitor_free(Monitor *m)
{
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->n_sources; i++)
                sd_event_source_disable_unref(m->sources[i]);
        if (m->rules)
                (void) mnl_socket_close(m->rules);
        if (m->addresses)
                (void) mnl_socket_close(m->addresses);
        free(m);
        return NULL;
}
