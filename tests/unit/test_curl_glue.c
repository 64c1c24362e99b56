/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "glue/curl-glue.h"

/* Against a server in a process of its own, on a unix socket, that answers well and badly by the path asked for. */

static char socket_path[] = "/tmp/ark-curl-XXXXXX";
static sd_event *event;
static CurlGlue *glue;

/* ---- The server -------------------------------------------------------------------------------------------- */

static void say(int fd, const char *text)
{
        size_t n = strlen(text);

        while (n > 0) {
                ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

                if (sent <= 0)
                        return;
                text += sent, n -= (size_t) sent;
        }
}

/* Until the other end hangs up. */
static void hang(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        (void) poll(&p, 1, -1);
}

static void say_large(int fd)
{
        char piece[1025];

        memset(piece, 'x', 1024);
        piece[1024] = '\0';
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
        for (int i = 0; i < 1024; i++)
                say(fd, piece);
}

/* Answers one request; true where the connection goes on. */
static bool answer(int fd, const char *request)
{
        _cleanup_free_ char *echo = NULL;
        const char *path = strchr(request, ' ') + 1;

        if (startswith(path, "/ok "))
                say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        else if (startswith(path, "/a/../%2e "))
                say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw");
        else if (startswith(path, "/missing "))
                say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope");
        else if (startswith(path, "/echo ")) {
                echo = str_printf("HTTP/1.1 201 Created\r\nContent-Length: %zu\r\n\r\n%s", strlen(request),
                                request);
                say(fd, echo);
        } else if (startswith(path, "/large "))
                say_large(fd);
        else if (startswith(path, "/pieces ")) {
                say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
                say(fd, "3\r\ntwo\r\n0\r\n\r\n");
        } else if (startswith(path, "/endless ")) {
                say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
                hang(fd);
        } else if (startswith(path, "/headers ")) {
                say(fd, "HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\n");
                hang(fd);
        } else if (startswith(path, "/half "))
                say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        else if (startswith(path, "/nonsense "))
                say(fd, "SSH-2.0-nonsense\r\n\r\n");
        else if (startswith(path, "/hang "))
                hang(fd);
        return startswith(path, "/ok ") || startswith(path, "/echo ") || startswith(path, "/missing ");
}

static void serve(int fd)
{
        char request[65536];
        size_t n = 0;

        for (;;) {
                ssize_t got = recv(fd, request + n, sizeof(request) - 1 - n, 0);
                const char *body, *length;

                if (got <= 0)
                        return;
                n += (size_t) got;
                request[n] = '\0';
                body = strstr(request, "\r\n\r\n");
                length = strcasestr(request, "content-length: ");
                if (!body || (length && strlen(body + 4) < strtoul(length + 16, NULL, 10)))
                        continue;
                if (!answer(fd, request))
                        return;
                n = 0;
        }
}

static pid_t start_server(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        pid_t pid;
        int fd;

        assert_true(mkstemp(socket_path) >= 0);
        assert_int_equal(unlink(socket_path), 0);
        strcpy(address.sun_path, socket_path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 256), 0);
        pid = fork();
        if (pid != 0) {
                close(fd);
                return pid;
        }
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGCHLD, SIG_IGN);
        for (;;) {
                int connection = accept(fd, NULL, NULL);

                if (fork() == 0) {
                        serve(connection);
                        _exit(0);
                }
                close(connection);
        }
}

/* ---- The client -------------------------------------------------------------------------------------------- */

typedef struct Outcome {
        bool ended;
        int error;
        long status;
        char body[4096];
        size_t size;
        char pieces[64];
        Pending *cancel_on_data, *cancel_on_end;
        struct Outcome *next;
        int answer;
        Pending *pending;
} Outcome;

static void start(
                Outcome *o, const char *method, const char *path, const char *body, size_t max, bool stream);

static void on_done(const CurlReply *reply, void *userdata)
{
        Outcome *o = userdata;

        assert_false(o->ended);
        o->ended = true;
        o->pending = NULL;
        o->error = reply->error;
        o->status = reply->status;
        o->size = reply->size;
        assert_int_equal(reply->body[reply->size], '\0');
        (void) snprintf(o->body, sizeof(o->body), "%s", reply->error < 0 ? reply->reason : reply->body);
        if (reply->error < 0)
                assert_true(o->body[0] != '\0');
        o->cancel_on_end = pending_cancel(o->cancel_on_end);
        if (o->next)
                start(o->next, "GET", "/ok", NULL, 100, false);
}

static int on_data(const char *data, size_t n, void *userdata)
{
        Outcome *o = userdata;

        (void) strncat(o->pieces, data, n);
        o->cancel_on_data = pending_cancel(o->cancel_on_data);
        return o->answer;
}

static void start(
                Outcome *o, const char *method, const char *path, const char *body, size_t max, bool stream)
{
        _cleanup_free_ char *url = str_printf("http://server%s", path);
        static const char *const headers[] = { "X-Test: yes", NULL };
        CurlRequest request = {
                .method = method,
                .url = url,
                .unix_path = socket_path,
                .headers = headers,
                .body = body,
                .body_size = body ? strlen(body) : 0,
                .timeout_usec = streq(path, "/hang") ? 50 * USEC_PER_MSEC : 20 * USEC_PER_SEC,
                .reply_max = max,
                .headers_only = streq(path, "/headers"),
                .on_data = stream ? on_data : NULL,
                .done = on_done,
                .userdata = o,
        };

        assert_int_equal(curl_glue_start(glue, &request, &o->pending), 0);
        assert_false(o->ended);
}

static void run_until(const bool *flag)
{
        while (!*flag)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
}

static Outcome fetch(const char *method, const char *path, const char *body, size_t max, bool stream)
{
        Outcome o = {};

        start(&o, method, path, body, max, stream);
        run_until(&o.ended);
        return o;
}

static void test_replies(void **state)
{
        Outcome o = fetch("GET", "/ok", NULL, 5, false);

        assert_int_equal(o.error, 0);
        assert_int_equal(o.status, 200);
        assert_string_equal(o.body, "hello");
        o = fetch("GET", "/missing", NULL, 100, false);
        assert_int_equal(o.error, 0);
        assert_int_equal(o.status, 404);
        assert_string_equal(o.body, "nope");
        o = fetch("GET", "/a/../%2e", NULL, 100, false);
        assert_string_equal(o.body, "raw");
        o = fetch("POST", "/echo", "{}", 4000, false);
        assert_int_equal(o.status, 201);
        assert_non_null(strstr(o.body, "POST /echo HTTP/1.1\r\n"));
        assert_non_null(strstr(o.body, "X-Test: yes\r\n"));
        assert_non_null(strstr(o.body, "\r\n\r\n{}"));
        o = fetch("POST", "/echo", NULL, 4000, false);
        assert_non_null(strstr(o.body, "Content-Length: 0\r\n"));
        assert_null(strstr(o.body, "Content-Type"));
        o = fetch("DELETE", "/echo", NULL, 4000, false);
        assert_non_null(strstr(o.body, "DELETE /echo HTTP/1.1\r\n"));
        o = fetch("GET", "/headers", NULL, 0, false);
        assert_int_equal(o.error, 0);
        assert_int_equal(o.status, 503);
}

static void test_failures(void **state)
{
        static char nowhere[] = "/nonexistent/socket";
        CurlRequest absent = { .method = "GET", .url = "http://x/", .unix_path = nowhere, .done = on_done };
        CurlRequest refused = { .method = "GET", .url = "http://127.0.0.1:1/", .done = on_done };
        Outcome o = {};

        absent.timeout_usec = refused.timeout_usec = UINT64_MAX;
        absent.userdata = refused.userdata = &o;
        assert_int_equal(curl_glue_start(glue, &absent, &o.pending), 0);
        run_until(&o.ended);
        assert_int_equal(o.error, -ENOTCONN);
        o = (Outcome){};
        assert_int_equal(curl_glue_start(glue, &refused, &o.pending), 0);
        run_until(&o.ended);
        assert_int_equal(o.error, -ENOTCONN);

        assert_int_equal(fetch("GET", "/ok", NULL, 4, false).error, -EFBIG);
        assert_int_equal(fetch("GET", "/large", NULL, 100000, false).error, -EFBIG);
        assert_int_equal(fetch("GET", "/hang", NULL, 100, false).error, -ETIMEDOUT);
        assert_int_equal(fetch("GET", "/half", NULL, 100, false).error, -ECONNRESET);
        assert_int_equal(fetch("GET", "/gone", NULL, 100, false).error, -ECONNRESET);
        assert_int_equal(fetch("GET", "/nonsense", NULL, 100, false).error, -EPROTO);
}

/* Out of files it is not connected, and core tries again. */
static void test_no_file(void **state)
{
        CurlRequest request = { .method = "GET",
                .url = "http://server/ok",
                .unix_path = socket_path,
                .timeout_usec = 20 * USEC_PER_SEC,
                .reply_max = 100,
                .fresh = true,
                .done = on_done };
        int lowest = dup(STDERR_FILENO);
        struct rlimit before, none;
        Outcome o = {};

        request.userdata = &o;
        assert_true(lowest >= 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
        (void) close(lowest);
        none = (struct rlimit){ .rlim_cur = (rlim_t) lowest, .rlim_max = before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(curl_glue_start(glue, &request, &o.pending), 0);
        run_until(&o.ended);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(o.error, -ENOTCONN);
        assert_int_equal(fetch("GET", "/ok", NULL, 5, false).error, 0);
}

static void test_streams(void **state)
{
        Outcome o = fetch("GET", "/pieces", NULL, 0, true);

        assert_int_equal(o.error, 0);
        assert_string_equal(o.pieces, "onetwo");
        assert_int_equal(o.size, 0);
        /* What is not a success is an answer, not a stream. */
        o = fetch("GET", "/missing", NULL, 100, true);
        assert_string_equal(o.body, "nope");
        assert_string_equal(o.pieces, "");
        o = (Outcome){ .answer = -EBADMSG };
        start(&o, "GET", "/endless", NULL, 0, true);
        run_until(&o.ended);
        assert_int_equal(o.error, -EBADMSG);
}

/* Of itself and of others, from all callbacks; and starting anew from an end. */
static void test_cancel(void **state)
{
        Outcome self = {}, other = {}, first = {}, second = {}, hanging = {}, plain = {};

        start(&plain, "GET", "/endless", NULL, 100, false);
        pending_cancel(plain.pending);

        start(&self, "GET", "/endless", NULL, 0, true);
        self.cancel_on_data = self.pending;
        while (self.cancel_on_data)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        assert_string_equal(self.pieces, "one");

        start(&hanging, "GET", "/endless", NULL, 100, false);
        start(&other, "GET", "/pieces", NULL, 0, true);
        other.cancel_on_data = hanging.pending;
        run_until(&other.ended);
        assert_int_equal(other.error, 0);

        start(&hanging, "GET", "/endless", NULL, 0, true);
        start(&first, "GET", "/ok", NULL, 100, false);
        first.cancel_on_end = hanging.pending;
        first.next = &second;
        run_until(&second.ended);
        assert_string_equal(second.body, "hello");
        assert_false(self.ended || hanging.ended || plain.ended);
}

/* Many at once, of which some end together, and each other one is cancelled by its neighbour. */
static void test_many(void **state)
{
        static Outcome o[100];

        for (size_t i = 0; i < ELEMENTSOF(o); i++)
                start(&o[i], "GET", i % 2 == 0 ? "/ok" : "/endless", NULL, 100, i % 4 == 1);
        for (size_t i = 0; i < ELEMENTSOF(o); i += 2)
                o[i].cancel_on_end = o[i + 1].pending;
        for (size_t i = 0; i < ELEMENTSOF(o); i += 2) {
                run_until(&o[i].ended);
                assert_string_equal(o[i].body, "hello");
                assert_false(o[i + 1].ended);
        }
}

/* What is under way when the loop ends is given up in silence. */
static void test_ended_loop(void **state)
{
        char path[] = "/tmp/ark-curl-log-XXXXXX", said[256] = "";
        sd_event *lasting_event = event;
        CurlGlue *lasting = glue;
        Outcome first = {}, second = {};
        int fd = mkstemp(path), saved = dup(STDERR_FILENO);

        assert_true(fd >= 0 && saved >= 0);
        unlink(path);
        assert_true(sd_event_new(&event) >= 0 && curl_glue_new(event, &glue) >= 0);
        start(&first, "GET", "/endless", NULL, 0, true);
        start(&second, "GET", "/endless", NULL, 0, true);
        while (!first.pieces[0])
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        assert_true(sd_event_exit(event, 0) >= 0);
        assert_int_equal(sd_event_loop(event), 0);

        assert_true(dup2(fd, STDERR_FILENO) >= 0);
        pending_cancel(first.pending);
        pending_cancel(second.pending);
        curl_glue_free(glue);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        assert_true(pread(fd, said, sizeof(said) - 1, 0) >= 0);
        assert_string_equal(said, "");
        assert_false(first.ended || second.ended);
        close(fd);
        close(saved);
        sd_event_unref(event);
        event = lasting_event;
        glue = lasting;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replies),
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_no_file),
                cmocka_unit_test(test_streams),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_ended_loop),
        };
        pid_t server = start_server();
        int r;

        (void) unsetenv("JOURNAL_STREAM"); /* or the log would not come to standard error */
        if (sd_event_new(&event) < 0 || curl_glue_new(event, &glue) < 0)
                return EXIT_FAILURE;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        curl_glue_free(glue);
        sd_event_unref(event);
        (void) kill(server, SIGKILL);
        (void) waitpid(server, NULL, 0);
        (void) unlink(socket_path);
        return r;
}
