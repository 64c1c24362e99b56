/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "arkd/arkd-config.h"
#include "basic/file-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "config.h"
#include "nginx/handover.h"
#include "nginx/module.h"
#include "nginx/site.h"

#define OUTPUT_DIRECTORY "/run/arkd-nginx"

typedef struct Options {
        const char *file, *config_directory, *output;
        bool reload;
        char **command; /* nginx's, and NULL at the end */
} Options;

static int help(void)
{
        printf("arkd-nginx-config [OPTIONS…] [NGINX ARGUMENTS…]\n\n"
               "Writes the part of nginx's configuration that depends on arkd.conf(5) and on which ports "
               "are\n"
               "free, and starts nginx. Run by arkd-nginx.service; see arkd-nginx.service(8).\n\n"
               "  -h --help             Show this help\n"
               "     --version          Show the version\n"
               "     --reload           nginx runs already, and has its ports\n"
               "     --config=FILE      Instead of " ARK_CONFIG_FILE "\n"
               "     --config-dir=DIR   Instead of " ARK_CONFIG_DIR "\n"
               "     --output=DIR       Instead of " OUTPUT_DIRECTORY "\n");
        return 1;
}

/* Answers 1 where there is nothing more to do. */
static int parse_arguments(int argc, char *argv[], Options *options)
{
        enum { OPTION_VERSION = 256, OPTION_RELOAD, OPTION_CONFIG, OPTION_CONFIG_DIR, OPTION_OUTPUT };
        static const struct option known[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, OPTION_VERSION },
                { "reload", no_argument, NULL, OPTION_RELOAD },
                { "config", required_argument, NULL, OPTION_CONFIG },
                { "config-dir", required_argument, NULL, OPTION_CONFIG_DIR },
                { "output", required_argument, NULL, OPTION_OUTPUT },
                { 0 },
        };

        for (int c; (c = getopt_long(argc, argv, "+h", known, NULL)) >= 0;)
                switch (c) {
                case 'h':
                        return help();
                case OPTION_VERSION:
                        printf("arkd-nginx-config %s\n", ARK_VERSION);
                        return 1;
                case OPTION_RELOAD:
                        options->reload = true;
                        break;
                case OPTION_CONFIG:
                        options->file = optarg;
                        break;
                case OPTION_CONFIG_DIR:
                        options->config_directory = optarg;
                        break;
                case OPTION_OUTPUT:
                        options->output = optarg;
                        break;
                default:
                        return -EINVAL;
                }
        options->command = argv + optind;
        if (options->reload && *options->command)
                return log_error_errno(EINVAL, "With --reload nginx runs, so “%s” is not started",
                                *options->command);
        return 0;
}

static bool have_pieces(const char *directory)
{
        _cleanup_free_ char *path = str_printf("%s/%s", directory, SITE_PORTS_FILE);

        return path && access(path, F_OK) == 0;
}

/*
 * arkd does not start with a configuration that is not in order, so no instance can be reached: nginx still starts, to
 * say so. Answers 1 where the pieces are to stay as they are, for an arkd that still runs may rely on them.
 */
static int load_config(const Options *options, Config *ret)
{
        int r = config_load(options->file, options->config_directory, ret);

        if (r >= 0 || options->reload)
                return r;
        if (have_pieces(options->output)) {
                log_warning("The configuration is not in order, so the one from before is kept");
                return 1;
        }
        log_warning("The configuration is not in order, so the defaults are used");
        return config_load_defaults(ret);
}

static int write_pieces(const Options *options, const int *sockets, size_t n_sockets)
{
        _cleanup_(config_done) Config config = { 0 };
        _cleanup_free_ char *key = NULL;
        Site site = { .config = &config, .handed = sockets, .n_handed = n_sockets };
        int r;

        r = load_config(options, &config);
        if (r != 0)
                return r < 0 ? r : site_keep(&site, options->output);
        /* systemd passes credentials to a start only. */
        if (!options->reload) {
                r = read_credential("proxy-key", &key);
                if (r < 0)
                        return log_error_errno(r, "Cannot read the key by which arkd knows nginx; run "
                                                  "/usr/lib/arkd/arkd-prepare: %m");
        }
        site.key = key;
        r = site_find_ports(&site, options->output, options->reload);
        return r < 0 ? r : site_write(&site, options->output);
}

static int run(const Options *options)
{
        _cleanup_free_ char *pid_file = str_printf("%s/nginx.pid", options->output);
        int sockets[SITE_PORTS_MAX], n = 0, r;

        if (!pid_file)
                return log_oom();
        if (*options->command)
                n = handover_receive(sockets, ELEMENTSOF(sockets));
        if (n < 0)
                return log_error_errno(n, "The ports below 1024 cannot be taken over: %m");
        /* The site is there without it, too. */
        (void) module_write(options->output, ARK_NGINX, ARK_NGINX_MODULE);
        r = write_pieces(options, sockets, (size_t) n);
        if (r < 0 || !*options->command)
                return r;
        return handover_start(options->command, sockets, (size_t) n, pid_file);
}

int main(int argc, char *argv[])
{
        Options options = {
                .file = ARK_CONFIG_FILE,
                .config_directory = ARK_CONFIG_DIR,
                .output = OUTPUT_DIRECTORY,
        };
        int r = parse_arguments(argc, argv, &options);

        if (r != 0)
                return r < 0 ? EX_USAGE : EXIT_SUCCESS;
        r = run(&options);
        return r == -EINVAL ? EX_CONFIG : r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
