/* SPDX-License-Identifier: MIT */
#include "arkctl/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>

#include "arkctl/terminal.h"

#define AGENT_READY_MS 5000

static _Noreturn void agent_run(pid_t parent, int ready)
{
        char process[16], fd[16];

        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void) snprintf(process, sizeof process, "%d", (int) parent);
        (void) snprintf(fd, sizeof fd, "%d", ready);
        (void) fcntl(ready, F_SETFD, 0);
        /* A session may have a better agent, such as the desktop's. Without a session there is no other, and polkit
         * does not even look for one that is to stand back. */
        (void) execlp("pkttyagent", "pkttyagent", "--process", process, "--notify-fd", fd,
                        sd_pid_get_session(parent, NULL) >= 0 ? "--fallback" : (char *) NULL, (char *) NULL);
        _exit(EXIT_FAILURE);
}

void agent_open(Ctl *ctl)
{
        struct pollfd ready = { .events = POLLIN };
        pid_t self = getpid();
        int fds[2];

        if (ctl->no_ask_password || ctl->agent > 0 || ctl->host || ctl->machine || geteuid() == 0 ||
                        !terminal_can_ask() || pipe2(fds, O_CLOEXEC) < 0)
                return;
        ctl->agent = fork();
        if (ctl->agent == 0)
                agent_run(self, fds[1]);
        close(fds[1]);
        ready.fd = fds[0];
        /* It closes its end when polkit knows it, or when it cannot be. */
        if (ctl->agent > 0)
                (void) poll(&ready, 1, AGENT_READY_MS);
        else
                ctl->agent = 0;
        close(fds[0]);
}

void agent_close(Ctl *ctl)
{
        if (ctl->agent <= 0)
                return;
        (void) kill(ctl->agent, SIGTERM);
        (void) kill(ctl->agent, SIGCONT);
        while (waitpid(ctl->agent, NULL, 0) < 0 && errno == EINTR)
                continue;
        ctl->agent = 0;
}
