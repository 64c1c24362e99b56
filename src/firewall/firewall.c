/* SPDX-License-Identifier: MIT */
#include "firewall/firewall.h"

#include <errno.h>
#include <glob.h>

#include "basic/file-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "firewall/facts.h"
#include "firewall/monitor.h"
#include "firewall/ruleset.h"
#include "firewall/state.h"

/* Addresses change in bursts, and so do the engine's rules, which it writes anew when it starts. */
#define HOST_DELAY_USEC   (200 * USEC_PER_MSEC)
#define ENGINE_DELAY_USEC (3 * USEC_PER_SEC)
/* Between two restorations: whoever else insists must not keep this host busy. */
#define RESTORE_DELAY_USEC (200 * USEC_PER_MSEC)
/* After a failure; and a look in case that a change was not heard of. */
#define RETRY_USEC (5 * USEC_PER_SEC)
#define LOOK_USEC  (10 * USEC_PER_SEC)

struct Firewall {
        sd_event *event;
        const FirewallPaths *paths;
        Monitor *monitor;
        FirewallConfig config;
        HostFacts host;
        bool bridge_names;
        char *rules; /* as loaded last; NULL: not in force */
        char *listing; /* how the kernel showed them then; NULL: not known */
        char *fault, *operator_fault;
        EngineRules engine;
        char *engine_missing;
        uint64_t since_usec, restored_usec, restored, restored_monotonic_usec;
        sd_event_source *host_timer, *engine_timer, *look_timer;
};

static void publish(Firewall *f)
{
        const FirewallState state = {
                .fault = f->fault,
                .operator_fault = f->operator_fault,
                .pool = f->config.pool,
                .resolvers = f->host.resolvers,
                .engine = f->engine,
                .engine_missing = f->engine_missing,
                .since_usec = f->since_usec,
                .restored_usec = f->restored_usec,
                .restored = f->restored,
        };
        int r = firewall_state_publish(&state, f->paths->state);

        if (r < 0)
                log_error_errno(r,
                                "%s cannot be written, so arkd does not know that instances are kept apart: "
                                "%m",
                                f->paths->state);
}

/* ---- Loading ---- */

/* How the kernel shows both tables; a difference from what it showed after loading is somebody's doing. */
static int list_tables(char **ret)
{
        _cleanup_free_ char *inet = NULL, *bridge = NULL, *both = NULL;
        int r;

        r = ruleset_list_table("inet " FIREWALL_TABLE, &inet);
        if (r >= 0)
                r = ruleset_list_table("bridge " FIREWALL_TABLE, &bridge);
        if (r < 0)
                return r;
        both = str_printf("%s%s", inet, bridge);
        if (!both)
                return -ENOMEM;
        *ret = TAKE_PTR(both);
        return 0;
}

static bool has_operator_rules(const char *pattern)
{
        glob_t found;
        bool any = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;

        if (any)
                globfree(&found);
        return any;
}

/* Makes the rules and hands them to apply. A mistake of the operator's must not cost the isolation: without theirs,
 * less is open. */
static int apply_rules(Firewall *f, int (*apply)(const char *, char **), char **ret_rules, char **ret_reason)
{
        const char *operator_rules =
                        has_operator_rules(f->paths->operator_rules) ? f->paths->operator_rules : NULL;
        _cleanup_free_ char *rules = NULL, *reason = NULL;
        int r;

        f->operator_fault = mfree(f->operator_fault);
        r = facts_make_rules(&f->config, &f->host, operator_rules, f->bridge_names, &rules);
        if (r >= 0)
                r = apply(rules, &reason);
        if (r == -EIO && operator_rules) {
                f->operator_fault = TAKE_PTR(reason);
                rules = mfree(rules);
                r = facts_make_rules(&f->config, &f->host, NULL, f->bridge_names, &rules);
                if (r >= 0)
                        r = apply(rules, &reason);
        }
        if (r < 0) {
                *ret_reason = TAKE_PTR(reason);
                return r;
        }
        *ret_rules = TAKE_PTR(rules);
        return 0;
}

static void report_operator_fault(const Firewall *f)
{
        if (f->operator_fault)
                log_full(LOG_ERR, 0, LOG_ABOUT(.message_id = MESSAGE_FIREWALL_RULES_REFUSED),
                                "The rules of %s are left out, so what they open is shut: %s. Mend them, "
                                "then run "
                                "\"systemctl reload arkd-firewall\"",
                                f->paths->operator_rules, f->operator_fault);
}

static void fail(Firewall *f, int error, const char *reason)
{
        _cleanup_free_ char *fault = strdup(reason && *reason ? reason : strerror(-error));

        f->rules = mfree(f->rules);
        f->listing = mfree(f->listing);
        if (!streq_ptr(f->fault, fault))
                log_full(LOG_ERR, error, LOG_ABOUT(.message_id = MESSAGE_ISOLATION_FAILED),
                                "Instances are not kept apart, as the kernel does not take the rules: %s. "
                                "No "
                                "instance is made until it does; trying again",
                                strempty(fault));
        free(f->fault);
        f->fault = fault ? TAKE_PTR(fault) : strdup("out of memory");
        f->since_usec = 0;
}

static void save(const char *path, const char *rules)
{
        int r = rules ? write_file_atomic(path, rules, 0644) : -ENOMEM;

        if (r < 0)
                log_warning_errno(r, "%s cannot be written: %m", path);
}

/* The operator's files may change before the rules are loaded from here, so those that need no others come first. */
static void save_rules(const Firewall *f)
{
        _cleanup_free_ char *own = NULL;

        if (!f->paths->saved)
                return;
        (void) facts_make_rules(&f->config, &f->host, NULL, f->bridge_names, &own);
        save(f->paths->saved, own);
        save(f->paths->saved_with_operator, f->rules);
}

/* Puts the rules into force, whether they are or not. */
static int load(Firewall *f)
{
        _cleanup_free_ char *rules = NULL, *listing = NULL, *reason = NULL;
        int r;

        r = apply_rules(f, ruleset_load, &rules, &reason);
        if (r < 0) {
                fail(f, r, reason);
                return r;
        }
        r = list_tables(&listing);
        if (r < 0)
                log_warning_errno(r, "Instances are kept apart, but the kernel does not show the rules, so "
                                     "they are loaded again soon: %m");
        free(f->rules);
        f->rules = TAKE_PTR(rules);
        free(f->listing);
        f->listing = TAKE_PTR(listing);
        if (f->fault)
                log_notice("Instances are kept apart again");
        f->fault = mfree(f->fault);
        f->since_usec = f->since_usec ? f->since_usec : now_realtime();
        save_rules(f);
        return 0;
}

/* ---- Looking ---- */

/* False also where this cannot be told: loading once more does no harm. Then nobody is to blame, so the listing goes. */
static bool is_in_force(Firewall *f)
{
        _cleanup_free_ char *listing = NULL;
        int r;

        if (!f->listing)
                return false;
        r = list_tables(&listing);
        if (r < 0 && r != -ENOENT)
                f->listing = mfree(f->listing);
        return r >= 0 && streq(listing, f->listing);
}

static void restore(Firewall *f)
{
        bool was_lost = f->listing != NULL;

        if (load(f) >= 0 && was_lost) {
                f->restored++;
                f->restored_usec = now_realtime();
                log_full(LOG_WARNING, 0, LOG_ABOUT(.message_id = MESSAGE_ISOLATION_RESTORED),
                                "Somebody removed or changed the rules that keep instances apart; they are "
                                "in force "
                                "again");
        }
        f->restored_monotonic_usec = now_monotonic();
        publish(f);
}

static void look(Firewall *f);
static void later(sd_event_source *timer, uint64_t usec);

static void refresh(Firewall *f);

/* Nobody tells of the ports that nginx has come to have. */
static bool site_changed(const Firewall *f)
{
        _cleanup_free_ char *ports = host_facts_read_ports();

        return !streq_ptr(ports, f->host.site_ports);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
        Firewall *f = userdata;

        if (site_changed(f))
                refresh(f);
        else
                look(f);
        later(f->engine_timer, ENGINE_DELAY_USEC);
        return 0;
}

static void look_again(Firewall *f, uint64_t delay_usec)
{
        int r = sd_event_source_set_time_relative(f->look_timer, delay_usec);

        if (r >= 0)
                r = sd_event_source_set_enabled(f->look_timer, SD_EVENT_ONESHOT);
        if (r < 0)
                log_error_errno(r, "Cannot set a timer: %m");
}

static void look(Firewall *f)
{
        uint64_t rested = usec_between(f->restored_monotonic_usec, now_monotonic());

        if (is_in_force(f)) {
                look_again(f, LOOK_USEC);
                return;
        }
        if (f->restored_monotonic_usec > 0 && rested < RESTORE_DELAY_USEC) {
                look_again(f, RESTORE_DELAY_USEC - rested);
                return;
        }
        restore(f);
        look_again(f, f->fault ? RETRY_USEC : LOOK_USEC);
}

/* ---- What changes ---- */

static void refresh(Firewall *f)
{
        _cleanup_free_ char *before = f->rules ? strdup(f->rules) : NULL;
        HostFacts host;
        int r;

        r = host_facts_read(&host);
        if (r < 0) {
                log_warning_errno(r, "The networks or resolvers of this host cannot be read: %m");
                return;
        }
        host_facts_done(&f->host);
        f->host = host;
        r = load(f);
        if (r >= 0 && before && !streq(before, f->rules))
                log_info("The networks, resolvers or settings of this host changed, and the firewall with "
                         "them");
        publish(f);
        look_again(f, r < 0 ? RETRY_USEC : LOOK_USEC);
}

/* Loading forgets how many connections are open, so nothing is loaded that is in force already. */
static bool host_changed(const Firewall *f)
{
        HostFacts host;
        bool changed;

        if (host_facts_read(&host) < 0)
                return false;
        changed = !strv_equal(host.resolvers, f->host.resolvers) ||
                  !strv_equal(host.networks.own, f->host.networks.own) ||
                  !strv_equal(host.networks.ingress, f->host.networks.ingress);
        host_facts_done(&host);
        return changed;
}

static int on_host(sd_event_source *source, uint64_t usec, void *userdata)
{
        Firewall *f = userdata;

        if (host_changed(f))
                refresh(f);
        return 0;
}

static void report_engine_rules(const Firewall *f, EngineRules before)
{
        if (f->engine == ENGINE_RULES_MISSING)
                log_full(LOG_WARNING, 0, LOG_ABOUT(.message_id = MESSAGE_ENGINE_RULES_MISSING),
                                "Of the engine's own rules these are missing: %s. Applications may have no "
                                "way out, and the engine may start no container. Run \"systemctl restart "
                                "docker\", which puts them back: it restarts the containers as well",
                                f->engine_missing ? f->engine_missing : "all");
        else if (before == ENGINE_RULES_MISSING)
                log_info("The engine's own rules are there again");
}

static int on_engine(sd_event_source *source, uint64_t usec, void *userdata)
{
        Firewall *f = userdata;
        _cleanup_free_ char *missing = NULL;
        EngineRules before = f->engine;

        f->engine = f->host.networks.ingress ? engine_rules_inspect(&missing) : ENGINE_RULES_UNKNOWN;
        if (f->engine == before && streq_ptr(missing, f->engine_missing))
                return 0;
        free(f->engine_missing);
        f->engine_missing = TAKE_PTR(missing);
        report_engine_rules(f, before);
        publish(f);
        return 0;
}

static void later(sd_event_source *timer, uint64_t usec)
{
        int enabled = SD_EVENT_OFF;

        /* One that waits already goes off in time for this change as well. */
        if (sd_event_source_get_enabled(timer, &enabled) > 0)
                return;
        if (sd_event_source_set_time_relative(timer, usec) < 0 ||
                        sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT) < 0)
                log_error("Cannot set a timer");
}

static void on_change(MonitorChange changes, void *userdata)
{
        Firewall *f = userdata;

        if (changes & MONITOR_TABLES)
                look(f);
        if (changes & MONITOR_OTHER_TABLES)
                later(f->engine_timer, ENGINE_DELAY_USEC);
        if (changes & (MONITOR_ADDRESSES | MONITOR_RESOLVERS))
                later(f->host_timer, HOST_DELAY_USEC);
        if (changes & MONITOR_ADDRESSES)
                later(f->engine_timer, ENGINE_DELAY_USEC);
}

void firewall_reload(Firewall *f)
{
        FirewallConfig config;

        if (firewall_config_read(f->paths->config_file, f->paths->config_directory, &config) >= 0) {
                firewall_config_done(&f->config);
                f->config = config;
        } else
                log_error("The configuration is not in order; the firewall goes on with SubnetPool=%s",
                                f->config.pool);
        refresh(f);
        report_operator_fault(f);
}

/* ---- Beginning and end ---- */

static int add_timer(Firewall *f, sd_event_time_handler_t handler, sd_event_source **ret)
{
        int r = sd_event_add_time_relative(f->event, ret, CLOCK_MONOTONIC, 0, 1, handler, f);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

/* Without a configuration that is valid arkd does not start, but instances may run: the default pool is theirs, or the
 * bridge says which one is. */
static int read_config(Firewall *f)
{
        int r = firewall_config_read(f->paths->config_file, f->paths->config_directory, &f->config);

        if (r != -EINVAL)
                return r;
        log_error("The configuration is not in order; the firewall begins with the default SubnetPool=");
        return firewall_config_read("/nonexistent", "/nonexistent", &f->config);
}

static int prepare(Firewall *f)
{
        int r = read_config(f);

        if (r >= 0)
                r = host_facts_read(&f->host);
        f->engine = ENGINE_RULES_UNKNOWN;
        f->bridge_names = ruleset_check(rules_bridge_names_probe(), NULL) >= 0;
        return r;
}

int firewall_new(sd_event *event, const FirewallPaths *paths, Firewall **ret)
{
        _cleanup_(firewall_freep) Firewall *f = new0(Firewall, 1);
        int r;

        if (!f)
                return -ENOMEM;
        f->event = sd_event_ref(event);
        f->paths = paths;
        r = prepare(f);
        if (r >= 0)
                r = add_timer(f, on_host, &f->host_timer);
        if (r >= 0)
                r = add_timer(f, on_engine, &f->engine_timer);
        if (r >= 0)
                r = add_timer(f, on_look, &f->look_timer);
        if (r >= 0)
                r = monitor_new(event, on_change, f, &f->monitor);
        if (r < 0)
                return r;
        (void) load(f);
        report_operator_fault(f);
        publish(f);
        look_again(f, f->fault ? RETRY_USEC : LOOK_USEC);
        later(f->engine_timer, ENGINE_DELAY_USEC);
        *ret = TAKE_PTR(f);
        return 0;
}

Firewall *firewall_free(Firewall *f)
{
        if (!f)
                return NULL;
        monitor_free(f->monitor);
        sd_event_source_disable_unref(f->host_timer);
        sd_event_source_disable_unref(f->engine_timer);
        sd_event_source_disable_unref(f->look_timer);
        sd_event_unref(f->event);
        firewall_config_done(&f->config);
        host_facts_done(&f->host);
        free(f->rules);
        free(f->listing);
        free(f->fault);
        free(f->operator_fault);
        free(f->engine_missing);
        free(f);
        return NULL;
}

int firewall_check(const FirewallPaths *paths)
{
        _cleanup_(firewall_freep) Firewall *f = new0(Firewall, 1);
        _cleanup_free_ char *rules = NULL, *reason = NULL;
        int r;

        if (!f)
                return log_oom();
        f->paths = paths;
        r = firewall_config_read(paths->config_file, paths->config_directory, &f->config);
        if (r >= 0)
                r = host_facts_read(&f->host);
        if (r >= 0)
                r = apply_rules(f, ruleset_check, &rules, &reason);
        if (r < 0)
                return log_error_errno(
                                r, "The firewall is not in order: %s", reason ? reason : strerror(-r));
        report_operator_fault(f);
        return f->operator_fault ? -EINVAL : 0;
}
