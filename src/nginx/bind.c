/* SPDX-License-Identifier: MIT */
/* arkd-nginx-bind: runs as root before nginx starts, and opens what nginx may not. See handover.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "basic/file-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "config.h"
#include "nginx/handover.h"
#include "nginx/site.h"

/* Outlives a boot; the other one does not. */
#define LEFT_FILE     ARK_NGINX_STATE_DIR "/left"
#define LEFT_FILE_MAX 4096
#define EARLIER_START "/run/arkd-nginx/" SITE_PORTS_FILE

/* As arkd-nginx-config does it, nginx starts with the defaults where the configuration is not in order. */
static int load_config(Config *ret)
{
        int r = config_load(ARK_CONFIG_FILE, ARK_CONFIG_DIR, ret);

        return r < 0 ? config_load_defaults(ret) : r;
}

static void remember(const char *before, const char *left)
{
        int r = streq(strempty(before), left) ? 0 : write_file_atomic(LEFT_FILE, left, 0644);

        if (r < 0)
                log_warning_errno(r,
                                "%s cannot be written, so another service's ports may be taken when the "
                                "host boots: %m",
                                LEFT_FILE);
}

/*
 * While the host boots a port may be free that another service, such as a container, is about to open. So what was left
 * to others before is left to them until arkd-nginx is restarted.
 */
static int bind_ports(const Site *site)
{
        _cleanup_free_ char *before = NULL, *left = NULL;
        bool boots = access(EARLIER_START, F_OK) < 0;
        int fds[SITE_PORTS_MAX], r;
        size_t n;

        (void) read_file(LEFT_FILE, LEFT_FILE_MAX, &before, NULL);
        r = site_open_privileged(site, boots ? before : NULL, fds, &n, &left);
        if (r < 0)
                return log_oom();
        remember(before, left);
        r = handover_store(fds, n);
        if (r < 0)
                log_error_errno(r, "systemd does not take the ports below 1024, so they are not served: %m");
        return 0;
}

int main(int argc, char *argv[])
{
        _cleanup_(config_done) Config config = { 0 };
        Site site = { .config = &config };

        if (argc > 1) {
                log_error("arkd-nginx-bind takes no arguments; see arkd-nginx.service(8)");
                return EX_USAGE;
        }
        if (load_config(&config) < 0)
                return EXIT_FAILURE;
        site_add_ports(&site);
        return bind_ports(&site) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
