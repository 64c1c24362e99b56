/* SPDX-License-Identifier: MIT */
#pragma once

/* A Redis server of the test's own, on a unix socket in a folder of its own. */

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#include "basic/macro.h"
#include "basic/time-util.h"

#define SKIP        77
#define PATIENCE_US (20 * USEC_PER_SEC)

extern char **environ;

static char peer_folder[] = "/tmp/ark-redis-XXXXXX";
static char peer_socket[sizeof peer_folder + 16];
static pid_t peer_pid;

/* A connection for looking behind the scenes. It waits for the server, which may be starting. */
_unused_ static redisContext *peer_connect(void)
{
        uint64_t end = now_monotonic() + PATIENCE_US;
        redisContext *c;

        while ((c = redisConnectUnix(peer_socket)) && c->err && now_monotonic() < end) {
                redisFree(c);
                (void) usleep(2000);
        }
        assert_non_null(c);
        assert_int_equal(c->err, 0);
        return c;
}

/* Runs a command, given as for printf; the answer as text, in a static buffer. */
_printf_(1, 2) _unused_ static const char *peer_ask(const char *format, ...)
{
        static char answer[4096];
        redisContext *c = peer_connect();
        redisReply *reply;
        va_list ap;

        va_start(ap, format);
        reply = redisvCommand(c, format, ap);
        va_end(ap);
        answer[0] = '\0';
        if (!reply)
                (void) snprintf(answer, sizeof answer, "no answer: %s", c->errstr);
        else if (reply->type == REDIS_REPLY_INTEGER)
                (void) snprintf(answer, sizeof answer, "%lld", reply->integer);
        else if (reply->type == REDIS_REPLY_ARRAY)
                for (size_t i = 0; i < reply->elements; i++)
                        (void) snprintf(answer + strlen(answer), sizeof answer - strlen(answer), "%s%s",
                                        i > 0 ? " " : "", strempty(reply->element[i]->str));
        else if (reply->type != REDIS_REPLY_NIL)
                (void) snprintf(answer, sizeof answer, "%s", reply->str);
        if (reply)
                freeReplyObject(reply);
        redisFree(c);
        return answer;
}

/* extra: up to four more words for the server's command line, NULL-terminated. */
_unused_ static void peer_start_with(const char *const *extra)
{
        const char *words[24] = { "redis-server", "--port", "0", "--unixsocket", peer_socket, "--dir",
                peer_folder, "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--logfile",
                "redis.log", "--enable-protected-configs", "yes", "--enable-debug-command", "yes" };
        size_t n = 19;

        for (; extra && *extra; extra++)
                words[n++] = *extra;
        assert_int_equal(posix_spawnp(&peer_pid, "redis-server", NULL, NULL, (char **) words, environ), 0);
}

_unused_ static void peer_start(void)
{
        uint64_t end = now_monotonic() + PATIENCE_US;

        peer_start_with(NULL);
        while (!streq(peer_ask("PING"), "PONG") && now_monotonic() < end)
                (void) usleep(2000);
}

_unused_ static void peer_kill(void)
{
        if (peer_pid <= 0)
                return;
        (void) kill(peer_pid, SIGKILL);
        (void) waitpid(peer_pid, NULL, 0);
        peer_pid = 0;
}

static void peer_remove_folder(void)
{
        const char *const words[] = { "rm", "-rf", peer_folder, NULL };
        pid_t pid;

        if (posix_spawnp(&pid, "rm", NULL, NULL, (char **) words, environ) == 0)
                (void) waitpid(pid, NULL, 0);
}

/* Answers SKIP where there is no redis-server to be had, 0 otherwise. */
_unused_ static int peer_prepare(void)
{
        const char *const words[] = { "redis-server", "--version", NULL };
        posix_spawn_file_actions_t actions;
        pid_t pid;
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        r = posix_spawnp(&pid, "redis-server", &actions, NULL, (char **) words, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return SKIP;
        (void) waitpid(pid, NULL, 0);
        if (!mkdtemp(peer_folder))
                return 1;
        (void) snprintf(peer_socket, sizeof peer_socket, "%s/socket", peer_folder);
        return 0;
}

_unused_ static void peer_finish(void)
{
        peer_kill();
        peer_remove_folder();
}

/* Runs the loop until the condition holds. */
#define RUN_UNTIL(event, condition)                                                                         \
        do {                                                                                                \
                uint64_t _end = now_monotonic() + PATIENCE_US;                                              \
                while (!(condition) && now_monotonic() < _end)                                              \
                        assert_true(sd_event_run((event), 50 * USEC_PER_MSEC) >= 0);                        \
                assert_true(condition);                                                                     \
        } while (0)
