/* SPDX-License-Identifier: MIT */
#include "arkctl/checks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "arkctl/systemd.h"
#include "arkctl/text.h"
#include "basic/parse.h"
#include "basic/process-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define MIB        (UINT64_C(1) << 20)
#define NGINX_UNIT "arkd-nginx.service"

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

/* ---- What the host's systemd says ---- */

static int check_nginx(Ctl *ctl, Checks *checks)
{
        UnitState unit;

        if (unit_read(ctl, NGINX_UNIT, &unit) < 0)
                return checks_add(checks, "nginx", VERDICT_SKIPPED, NULL, "systemd does not tell");
        if (!unit_is_there(&unit))
                return checks_add(checks, "nginx", VERDICT_FAILED,
                                "Install the package arkd again, which has it.",
                                NGINX_UNIT " is not installed");
        if (!unit_is_active(&unit))
                return checks_add(checks, "nginx", VERDICT_FAILED,
                                "See \"journalctl -u arkd-nginx\", then systemctl start arkd-nginx.",
                                NGINX_UNIT " is %s", unit.active);
        return check_ports(ctl, checks);
}

/* The sockets through which nginx reaches arkd. */
static int check_network(Ctl *ctl, Checks *checks)
{
        static const char *const units[] = { "arkd.socket", "arkd-admin.socket", "arkd-local.socket" };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                _cleanup_free_ char *remedy = NULL;
                UnitState unit;

                if (unit_read(ctl, units[i], &unit) < 0)
                        return checks_add(checks, "network", VERDICT_SKIPPED, NULL, "systemd does not tell");
                if (unit_is_active(&unit))
                        continue;
                remedy = unit_is_there(&unit) ? str_printf("systemctl enable --now %s", units[i])
                                              : strdup("Install the package arkd again, which has it.");
                return checks_add(checks, "network", VERDICT_FAILED, remedy, "%s is %s", units[i],
                                unit_is_there(&unit) ? unit.active : "not installed");
        }
        return checks_add(checks, "network", VERDICT_OK, NULL, "arkd listens");
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

static int check_memory(Ctl *ctl, Checks *checks)
{
        char meminfo[4096] = "", free_text[TEXT_SHORT_MAX], total_text[TEXT_SHORT_MAX];
        uint64_t available, total;
        Verdict verdict;

        if (!ctl_is_local(ctl) || proc_read("/proc/meminfo", meminfo, sizeof meminfo) < 0 ||
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

int checks_run(Ctl *ctl, Checks *ret)
{
        static int (*const all[])(Ctl *, Checks *) = { check_daemon, check_store, check_instances,
                check_nginx, check_web, check_access, check_network, check_isolation, check_engine_state,
                check_disk, check_storage, check_memory, check_tailscale, check_timer };
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
