/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "arkd/arkd-config.h"
#include "arkd/daemon.h"
#include "arkd/reach.h"
#include "arkd/sockets.h"
#include "arkd/state-lock.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "config.h"

static int help(void)
{
        printf("arkd [OPTIONS…]\n\n"
               "Deploys applications for customers on this host. Started by systemd; see arkd(8).\n\n"
               "  -h --help             Show this help\n"
               "     --version          Show the version\n"
               "     --check-config     Read the configuration, tell what is wrong with it, and exit\n\n"
               "Configuration: " ARK_CONFIG_FILE "\n");
        return 0;
}

/* Answers 1 where there is nothing more to do, 0 to go on, 2 to go on with a check only. */
static int parse_arguments(int argc, char *argv[])
{
        enum { OPTION_VERSION = 256, OPTION_CHECK };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "check-config", no_argument, NULL, OPTION_CHECK },
                { 0 },
        };
        int c, result = 0;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        help();
                        return 1;
                case OPTION_VERSION:
                        printf("arkd %s\n", ARK_VERSION);
                        return 1;
                case OPTION_CHECK:
                        result = 2;
                        break;
                default:
                        return -EINVAL;
                }
        if (optind < argc)
                return log_error_errno(EINVAL, "arkd takes no arguments, but got “%s”; see arkd --help",
                                argv[optind]);
        return result;
}

static int block_signals(void)
{
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        (void) signal(SIGPIPE, SIG_IGN);
        return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

static int run(const Config *config)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(daemon_freep) Daemon *daemon = NULL;
        int r;

        r = block_signals();
        if (r >= 0)
                r = sd_event_default(&event);
        if (r >= 0)
                r = sd_event_set_signal_exit(event, true);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0)
                return log_error_errno(r, "Cannot set the event loop up: %m");
        r = daemon_new(event, config, &daemon);
        if (r < 0)
                return r;
        log_full(LOG_INFO, 0, LOG_ABOUT(.message_id = MESSAGE_DAEMON_STARTED), "arkd %s is serving",
                        ARK_VERSION);
        (void) sd_notify(false, "READY=1\nSTATUS=Serving");
        r = sd_event_loop(event);
        (void) sd_notify(false, "STOPPING=1");
        log_full(LOG_INFO, 0, LOG_ABOUT(.message_id = MESSAGE_DAEMON_STOPPED), "arkd stops");
        return r < 0 ? log_error_errno(r, "The event loop failed: %m") : r;
}

static int load_config(bool check, Config *ret)
{
        int r;

        r = config_load(ARK_CONFIG_FILE, ARK_CONFIG_DIR, ret);
        if (r >= 0)
                return EXIT_SUCCESS;
        log_error("%s: the lines above tell what is wrong in %s, %s and the environment",
                        check ? "The configuration is not in order" : "arkd does not start", ARK_CONFIG_FILE,
                        ARK_CONFIG_DIR);
        if (!check)
                sockets_turn_away();
        return EX_CONFIG; /* arkd.service does not try again after this */
}

/* Before anything is touched. */
static int lock_state(int *ret_fd)
{
        int r = state_lock(ARK_STATE_DIR, ret_fd);

        if (r >= 0)
                return EXIT_SUCCESS;
        sockets_turn_away();
        if (getenv("NOTIFY_SOCKET"))
                (void) sleep(1); /* systemd tries again until the other has ended, ten times a second otherwise */
        return r == -EBUSY ? EX_TEMPFAIL : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
        _cleanup_(config_done) Config config = { 0 };
        _cleanup_close_ int lock = -1;
        int r, status;

        (void) setlocale(LC_ALL, "C.UTF-8");
        r = parse_arguments(argc, argv);
        if (r < 0)
                return EX_USAGE;
        if (r == 1)
                return EXIT_SUCCESS;
        status = load_config(r == 2, &config);
        if (status != EXIT_SUCCESS)
                return status;
        if (config.log_level >= 0)
                log_set_max_level(config.log_level);
        (void) reach_check(&config);
        if (r == 2) {
                printf("The configuration is in order.\n");
                return EXIT_SUCCESS;
        }
        status = lock_state(&lock);
        if (status != EXIT_SUCCESS)
                return status;
        r = run(&config);
        if (r < 0)
                log_error_errno(r, "arkd ends: %m");
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
