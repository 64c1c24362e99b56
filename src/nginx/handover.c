/* SPDX-License-Identifier: MIT */
#include "nginx/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "basic/file-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define FORGET          "FDSTOREREMOVE=1\nFDNAME=arkd-nginx"
#define STORE           "FDSTORE=1\nFDNAME=arkd-nginx"
#define SYSTEMD_USEC    (30 * USEC_PER_SEC)
#define LOOK_NSEC       (10 * 1000 * 1000)
#define NGINX_SOCKETS   "NGINX"
#define PID_FILE_MAX    64
#define EXIT_NO_COMMAND 127

int handover_store(const int *fds, size_t n)
{
        int r;

        /* What a start that came to nothing may have left there. */
        r = sd_notify(false, FORGET);
        if (r > 0 && n > 0)
                r = sd_pid_notify_with_fds(0, false, STORE, fds, (unsigned) n);
        if (r <= 0)
                return r;
        /* Whoever has ended is not listened to. */
        r = sd_notify_barrier(false, SYSTEMD_USEC);
        return r < 0 ? r : 0;
}

int handover_receive(int *ret_fds, size_t max)
{
        int n = sd_listen_fds(true);

        if (n <= 0)
                return n;
        (void) sd_notify(false, FORGET);
        if ((size_t) n > max)
                return -E2BIG;
        for (int i = 0; i < n; i++)
                ret_fds[i] = SD_LISTEN_FDS_START + i;
        return n;
}

/* "3;4;" */
static int tell_nginx(const int *fds, size_t n)
{
        _cleanup_free_ char *text = strdup("");

        for (size_t i = 0; text && i < n; i++) {
                char *more = str_printf("%s%d;", text, fds[i]);

                free(text);
                text = more;
                if (fcntl(fds[i], F_SETFD, 0) < 0)
                        return -errno;
        }
        if (!text)
                return -ENOMEM;
        return setenv(NGINX_SOCKETS, text, true) < 0 ? -errno : 0;
}

static bool is_pid_in(const char *pid_file, pid_t pid)
{
        _cleanup_free_ char *text = NULL;

        return read_file(pid_file, PID_FILE_MAX, &text, NULL) >= 0 && strtol(text, NULL, 10) == pid;
}

/* systemd bounds how long this may take. */
static int wait_until_ready(pid_t pid, const char *pid_file)
{
        const struct timespec delay = { .tv_nsec = LOOK_NSEC };

        while (!is_pid_in(pid_file, pid)) {
                pid_t ended = waitpid(pid, NULL, WNOHANG);

                if (ended < 0)
                        return log_error_errno(errno, "Cannot wait for nginx: %m");
                if (ended == pid)
                        return log_error_errno(ECHILD, "nginx ended before it listened; it has said why");
                (void) nanosleep(&delay, NULL);
        }
        return 0;
}

int handover_start(char *const command[], const int *fds, size_t n, const char *pid_file)
{
        pid_t pid;
        int r;

        r = tell_nginx(fds, n);
        if (r < 0)
                return log_error_errno(r, "Cannot hand the ports to nginx: %m");
        pid = fork();
        if (pid < 0)
                return log_error_errno(errno, "Cannot start nginx: %m");
        if (pid == 0) {
                (void) execv(command[0], command);
                log_error_errno(errno, "%s cannot be run: %m", command[0]);
                _exit(EXIT_NO_COMMAND);
        }
        return wait_until_ready(pid, pid_file);
}
