/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "config.h"
#include "firewall/firewall.h"

static const FirewallPaths paths = {
        .config_file = ARK_CONFIG_FILE,
        .config_directory = ARK_CONFIG_DIR,
        .operator_rules = ARK_FIREWALL_RULES,
        .state = ARK_FIREWALL_STATE,
        .saved = ARK_FIREWALL_SAVED,
        .saved_with_operator = ARK_FIREWALL_SAVED_WITH_OPERATOR,
};

static int help(void)
{
        printf("arkd-firewall [OPTIONS…]\n\n"
               "Keeps the instances of ARK Deploy apart. Started by systemd; see "
               "arkd-firewall.service(8).\n\n"
               "  -h --help      Show this help\n"
               "     --version   Show the version\n"
               "     --check     Tell what is wrong with the rules of the operator, and exit\n");
        return EXIT_SUCCESS;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        (void) sd_notify(false, "RELOADING=1");
        firewall_reload(userdata);
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int block_signals(void)
{
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGHUP);
        return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

static int run(void)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(firewall_freep) Firewall *firewall = NULL;
        int r;

        r = block_signals();
        if (r >= 0)
                r = sd_event_default(&event);
        if (r >= 0)
                r = sd_event_set_signal_exit(event, true);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r >= 0)
                r = firewall_new(event, &paths, &firewall);
        if (r >= 0)
                r = sd_event_add_signal(event, NULL, SIGHUP, on_reload, firewall);
        if (r < 0)
                return log_error_errno(r, "The firewall cannot be set up: %m");
        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(event);
        (void) sd_notify(false, "STOPPING=1\nSTATUS=The rules stay in force, and nobody restores them");
        return r < 0 ? log_error_errno(r, "The event loop failed: %m") : 0;
}

int main(int argc, char *argv[])
{
        enum { OPTION_VERSION = 256, OPTION_CHECK };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "check", no_argument, NULL, OPTION_CHECK },
                { 0 },
        };
        int c;

        (void) setlocale(LC_ALL, "C.UTF-8");
        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        return help();
                case OPTION_VERSION:
                        printf("arkd-firewall %s\n", ARK_VERSION);
                        return EXIT_SUCCESS;
                case OPTION_CHECK:
                        return firewall_check(&paths) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
                default:
                        return EX_USAGE;
                }
        if (optind < argc) {
                log_error("arkd-firewall takes no arguments, but got “%s”; see arkd-firewall --help",
                                argv[optind]);
                return EX_USAGE;
        }
        return run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
