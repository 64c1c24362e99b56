/* SPDX-License-Identifier: MIT */
#include "arkctl/checks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include "arkctl/objects.h"
#include "arkctl/systemd.h"
#include "arkctl/text.h"
#include "basic/file-util.h"
#include "basic/parse.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define GIB                (UINT64_C(1) << 30)
#define MIB                (UINT64_C(1) << 20)
#define LANDING_PORT       3000
#define CONNECT_TIMEOUT_MS 2000

const char *verdict_to_string(Verdict verdict)
{
        static const char *const names[_VERDICT_MAX] = { "ok", "skipped", "warning", "failed" };

        return names[verdict];
}

void checks_done(Checks *checks)
{
        for (size_t i = 0; i < checks->n; i++) {
                free(checks->items[i].detail);
                free(checks->items[i].remedy);
        }
        free(checks->items);
        *checks = (Checks){ 0 };
}

int checks_add(Checks *checks, const char *name, Verdict verdict, const char *remedy, const char *format,
                ...)
{
        _cleanup_free_ char *detail = NULL, *copy = NULL;
        Check *more;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&detail, format, ap);
        va_end(ap);
        if (r < 0) {
                detail = NULL;
                return -ENOMEM;
        }
        if (free_and_strdup(&copy, remedy) < 0)
                return -ENOMEM;
        more = reallocarray(checks->items, checks->n + 1, sizeof *more);
        if (!more)
                return -ENOMEM;
        checks->items = more;
        more[checks->n++] = (Check){ name, verdict, TAKE_PTR(detail), TAKE_PTR(copy) };
        return 0;
}

static bool is_local(const Ctl *ctl)
{
        return !ctl->host && !ctl->machine;
}

/* ---- What arkd itself says ---- */

typedef struct Daemon {
        char *version;
        uint32_t instances;
        int engine, store;
} Daemon;

static int daemon_read(Ctl *ctl, Daemon *ret, sd_bus_error *error)
{
        Daemon d = { 0 };
        int r;

        r = sd_bus_get_property_string(ctl->bus, ARK_BUS_NAME, ARK_BUS_PATH, ARK_MANAGER_INTERFACE,
                        "Version", error, &d.version);
        if (r < 0)
                return r;
        r = sd_bus_get_property_trivial(ctl->bus, ARK_BUS_NAME, ARK_BUS_PATH, ARK_MANAGER_INTERFACE,
                        "InstanceCount", error, 'u', &d.instances);
        if (r >= 0)
                r = sd_bus_get_property_trivial(ctl->bus, ARK_BUS_NAME, ARK_BUS_PATH, ARK_MANAGER_INTERFACE,
                                "EngineConnected", error, 'b', &d.engine);
        if (r >= 0)
                r = sd_bus_get_property_trivial(ctl->bus, ARK_BUS_NAME, ARK_BUS_PATH, ARK_MANAGER_INTERFACE,
                                "StoreConnected", error, 'b', &d.store);
        if (r < 0)
                free(d.version);
        else
                *ret = d;
        return r;
}

/* What is connected to arkd, and the unit that it usually comes from. */
static int check_peer(Ctl *ctl, Checks *checks, const char *name, bool connected, const char *what,
                const char *unit_name)
{
        _cleanup_free_ char *remedy = NULL;
        UnitState unit = { 0 };
        bool there = unit_read(ctl, unit_name, &unit) >= 0 && unit_is_there(&unit);

        if (connected)
                return checks_add(checks, name, VERDICT_OK, NULL, "%s answers%s%s%s", what,
                                there ? " (" : "", there ? unit_name : "", there ? ")" : "");
        if (there && !unit_is_active(&unit))
                remedy = str_printf("systemctl start %s, and see \"systemctl status %s\".", unit_name,
                                unit_name);
        else
                remedy = str_printf(
                                "See \"journalctl -u arkd\", and arkd.conf(5) for where it is looked for.");
        if (!there)
                return checks_add(checks, name, VERDICT_FAILED, remedy, "%s does not answer", what);
        return checks_add(checks, name, VERDICT_FAILED, remedy, "%s does not answer; %s is %s", what,
                        unit_name, unit.active);
}

static int check_daemon(Ctl *ctl, Checks *checks)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        Daemon d;
        int r;

        r = daemon_read(ctl, &d, &error);
        if (r < 0) {
                const char *remedy = bus_remedy(error.name, r);

                checks->daemon = bus_exit_code(error.name, r);
                r = checks_add(checks, "arkd", VERDICT_FAILED, remedy, "%s",
                                error.message ? error.message : strerror(-r));
                if (r >= 0)
                        r = checks_add(checks, "engine", VERDICT_SKIPPED, NULL, "Only arkd can tell");
                if (r >= 0)
                        r = checks_add(checks, "store", VERDICT_SKIPPED, NULL, "Only arkd can tell");
                return r;
        }
        r = checks_add(checks, "arkd", VERDICT_OK, NULL, "Version %s, %u instance%s", d.version, d.instances,
                        d.instances == 1 ? "" : "s");
        free(d.version);
        if (r >= 0)
                r = check_peer(ctl, checks, "engine", d.engine, "Docker", "docker.service");
        if (r >= 0)
                r = check_peer(ctl, checks, "store", d.store, "Redis", "arkd-redis.service");
        return r;
}

/* ---- What the host's systemd says ---- */

/* Does something listen where the landing page should be? */
static bool port_answers(uint16_t port)
{
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        socklen_t n = sizeof(int);
        int error = 0;

        if (fd < 0)
                return false;
        if (connect(fd, (struct sockaddr *) &address, sizeof address) >= 0)
                return true;
        return errno == EINPROGRESS && poll(&p, 1, CONNECT_TIMEOUT_MS) == 1 &&
               getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) >= 0 && error == 0;
}

static int check_nginx(Ctl *ctl, Checks *checks)
{
        UnitState unit;

        if (unit_read(ctl, "nginx.service", &unit) < 0)
                return checks_add(checks, "nginx", VERDICT_SKIPPED, NULL, "systemd does not tell");
        if (!unit_is_there(&unit))
                return checks_add(checks, "nginx", VERDICT_FAILED, "Install the package nginx.",
                                "nginx is not installed");
        if (!unit_is_active(&unit))
                return checks_add(checks, "nginx", VERDICT_FAILED,
                                "Check its configuration with \"nginx -t\", then systemctl start nginx.",
                                "nginx.service is %s", unit.active);
        if (is_local(ctl) && !port_answers(LANDING_PORT))
                return checks_add(checks, "nginx", VERDICT_FAILED,
                                "Is the site enabled? Check with \"nginx -T\", then systemctl reload nginx.",
                                "nginx runs, but nothing listens on port %d", LANDING_PORT);
        return checks_add(checks, "nginx", VERDICT_OK, NULL, "nginx serves the landing page on port %d",
                        LANDING_PORT);
}

/* The sockets through which nginx reaches arkd, and the wall around the instances. */
static int check_network(Ctl *ctl, Checks *checks)
{
        static const char *const units[] = { "arkd.socket", "arkd-admin.socket", "arkd-local.socket",
                "arkd-firewall.service" };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                _cleanup_free_ char *remedy = NULL;
                bool firewall = i == ELEMENTSOF(units) - 1;
                UnitState unit;

                if (unit_read(ctl, units[i], &unit) < 0)
                        return checks_add(checks, "network", VERDICT_SKIPPED, NULL, "systemd does not tell");
                if (unit_is_active(&unit))
                        continue;
                remedy = unit_is_there(&unit) ? str_printf("systemctl enable --now %s", units[i])
                                              : strdup("Install the package arkd again, which has it.");
                return checks_add(checks, "network", VERDICT_FAILED, remedy, "%s is %s%s", units[i],
                                unit_is_there(&unit) ? unit.active : "not installed",
                                firewall ? ": instances reach this host's own ports" : "");
        }
        return checks_add(checks, "network", VERDICT_OK, NULL,
                        "arkd listens, and the firewall keeps instances apart");
}

static int check_tailscale(Ctl *ctl, Checks *checks)
{
        UnitState unit;

        if (unit_read(ctl, "tailscaled.service", &unit) < 0)
                return checks_add(checks, "tailscale", VERDICT_SKIPPED, NULL, "systemd does not tell");
        if (unit_is_active(&unit))
                return checks_add(checks, "tailscale", VERDICT_OK, NULL, "tailscaled runs");
        return checks_add(checks, "tailscale", VERDICT_WARNING,
                        unit_is_there(&unit)
                                        ? "systemctl enable --now tailscaled, then \"tailscale up\"."
                                        : "Install Tailscale and run \"tailscale up\", or set BaseURL= in "
                                          "/etc/arkd/arkd.conf to where customers reach this host.",
                        unit_is_there(&unit) ? "tailscaled does not run" : "Tailscale is not installed");
}

static int check_timer(Ctl *ctl, Checks *checks)
{
        char relative[TEXT_SHORT_MAX];
        UnitState unit, service;
        uint64_t next = 0;

        if (unit_read(ctl, "arkd-cleanup.timer", &unit) < 0)
                return checks_add(checks, "timer", VERDICT_SKIPPED, NULL, "systemd does not tell");
        if (!unit_is_active(&unit))
                return checks_add(checks, "timer", VERDICT_WARNING,
                                unit_is_there(&unit) ? "systemctl enable --now arkd-cleanup.timer"
                                                     : "Upgrade the package arkd, which has it.",
                                "Expired instances are not deleted: arkd-cleanup.timer is %s",
                                unit_is_there(&unit) ? unit.active : "not installed");
        if (unit_read(ctl, "arkd-cleanup.service", &service) >= 0 && streq(service.active, "failed"))
                return checks_add(checks, "timer", VERDICT_FAILED,
                                "See \"journalctl -u arkd-cleanup\", then systemctl start arkd-cleanup.",
                                "The last cleanup failed");
        if (unit_read_u64(ctl, &unit, "Timer", "NextElapseUSecRealtime", &next) < 0 || next == 0)
                return checks_add(checks, "timer", VERDICT_OK, NULL, "arkd-cleanup.timer runs");
        return checks_add(checks, "timer", VERDICT_OK, NULL, "The next cleanup is %s",
                        text_relative(next, now_realtime(), relative));
}

/* ---- What the host itself says ---- */

Verdict verdict_of_free(uint64_t free, uint64_t enough, uint64_t least)
{
        if (free < least)
                return VERDICT_FAILED;
        return free < enough ? VERDICT_WARNING : VERDICT_OK;
}

static int check_disk(Ctl *ctl, Checks *checks)
{
        static const char *const paths[] = { "/var/lib/docker", "/var/lib/arkd" };
        uint64_t least = UINT64_MAX;
        const char *where = NULL;
        char text[TEXT_SHORT_MAX];
        Verdict verdict;

        for (size_t i = 0; is_local(ctl) && i < ELEMENTSOF(paths); i++) {
                struct statvfs fs;

                if (statvfs(paths[i], &fs) < 0 || (uint64_t) fs.f_bavail * fs.f_frsize >= least)
                        continue;
                least = (uint64_t) fs.f_bavail * fs.f_frsize;
                where = paths[i];
        }
        if (!where)
                return checks_add(checks, "disk", VERDICT_SKIPPED, NULL, "It cannot be seen from here");
        verdict = verdict_of_free(least, 5 * GIB, GIB);
        return checks_add(checks, "disk", verdict,
                        verdict == VERDICT_OK ? NULL
                                              : "Delete instances that are no longer needed, or unused "
                                                "images with \"docker image prune\".",
                        "%s free under %s", text_bytes(least, text), where);
}

int meminfo_find(const char *text, const char *field, uint64_t *ret_bytes)
{
        for (const char *line = text; line; line = strchr(line, '\n')) {
                _cleanup_free_ char *number = NULL;
                const char *rest;
                uint64_t kib;

                line += *line == '\n';
                rest = startswith(line, field);
                if (!rest)
                        continue;
                rest += strspn(rest, " ");
                number = strndup(rest, strspn(rest, "0123456789"));
                if (!number)
                        return -ENOMEM;
                if (parse_u64(number, &kib) < 0 || kib > UINT64_MAX / 1024)
                        return -EINVAL;
                *ret_bytes = kib * 1024;
                return 0;
        }
        return -ENOENT;
}

/* Files under /proc have no size to read by. */
static int read_meminfo(char buffer[4096])
{
        FILE *file = fopen("/proc/meminfo", "re");
        size_t n;

        if (!file)
                return -errno;
        n = fread(buffer, 1, 4095, file);
        buffer[n] = '\0';
        (void) fclose(file);
        return n > 0 ? 0 : -EIO;
}

static int check_memory(Ctl *ctl, Checks *checks)
{
        char meminfo[4096] = "", free_text[TEXT_SHORT_MAX], total_text[TEXT_SHORT_MAX];
        uint64_t available, total;
        Verdict verdict;

        if (!is_local(ctl) || read_meminfo(meminfo) < 0 ||
                        meminfo_find(meminfo, "MemAvailable:", &available) < 0 ||
                        meminfo_find(meminfo, "MemTotal:", &total) < 0)
                return checks_add(checks, "memory", VERDICT_SKIPPED, NULL, "It cannot be seen from here");
        verdict = verdict_of_free(available, 512 * MIB, 128 * MIB);
        return checks_add(checks, "memory", verdict,
                        verdict == VERDICT_OK ? NULL
                                              : "Delete instances that are no longer needed, or lower "
                                                "\"limits\" of products; see arkd-product(5).",
                        "%s of %s available", text_bytes(available, free_text),
                        text_bytes(total, total_text));
}

/* Links that lead to localhost serve nobody but this host. An instance shows what they begin with. */
static int check_address(Ctl *ctl, Checks *checks)
{
        _cleanup_(objects_done) Objects objects = { 0 };
        const InstanceView *last;
        const char *end;

        if (checks->daemon != CTL_OK || objects_read(ctl, &objects) != CTL_OK || objects.n_instances == 0)
                return 0;
        last = objects.instances + objects.n_instances - 1;
        end = last->access_url ? strstr(last->access_url, "/instances/") : NULL;
        if (!end)
                return 0;
        if (startswith(last->access_url, "http://localhost"))
                return checks_add(checks, "address", VERDICT_WARNING,
                                "Set BaseURL= in /etc/arkd/arkd.conf to where customers reach this host, "
                                "then "
                                "systemctl restart arkd.",
                                "Links begin with %.*s, which works on this host only",
                                (int) (end - last->access_url), last->access_url);
        return checks_add(checks, "address", VERDICT_OK, NULL, "Links begin with %.*s",
                        (int) (end - last->access_url), last->access_url);
}

int checks_run(Ctl *ctl, Checks *ret)
{
        static int (*const all[])(Ctl *, Checks *) = { check_daemon, check_nginx, check_network,
                check_address, check_disk, check_memory, check_tailscale, check_timer };
        _cleanup_(checks_done) Checks checks = { 0 };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(all); i++)
                r = all[i](ctl, &checks);
        if (r < 0)
                return r;
        *ret = checks;
        checks = (Checks){ 0 };
        return 0;
}
