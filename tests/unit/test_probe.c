/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/file-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "core/ports.h"
#include "glue/curl-glue.h"
#include "glue/pq-glue.h"
#include "probe/probe.h"

#define SKIP        77
#define PATIENCE_US (20 * USEC_PER_SEC)
#define TIMEOUT     (10 * USEC_PER_SEC)
#define PASSWORD    "right horse"

extern char **environ;

static char folder[] = "/tmp/ark-probe-XXXXXX";
static char *bin; /* folder of PostgreSQL's programs */
static pid_t server;
static uint16_t server_port;

/* ---- What is probed ---- */

static int listen_anywhere(uint16_t *ret_port)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &a, n), 0);
        assert_int_equal(listen(fd, 16), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &a, &n), 0);
        *ret_port = ntohs(a.sin_port);
        return fd;
}

/* A port on which nobody listens. */
static uint16_t dead_port(void)
{
        uint16_t port;

        close(listen_anywhere(&port));
        return port;
}

/* A listener in the same loop that gives each peer a fixed answer, and keeps what the last one asked. */
typedef struct Canned {
        int fd;
        uint16_t port;
        sd_event_source *source, *peer; /* the last to come */
        const char *answer; /* NULL: hangs up at once */
        char asked[1024];
} Canned;

static int on_canned_request(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        Canned *c = userdata;
        ssize_t n = read(fd, c->asked, sizeof c->asked - 1);

        c->asked[n > 0 ? n : 0] = '\0';
        if (n > 0)
                assert_int_equal(send(fd, c->answer, strlen(c->answer), MSG_NOSIGNAL), strlen(c->answer));
        c->peer = sd_event_source_disable_unref(c->peer);
        return 0;
}

static int on_canned(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        Canned *c = userdata;
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        assert_true(peer >= 0);
        c->peer = sd_event_source_disable_unref(c->peer);
        if (!c->answer) {
                close(peer);
                return 0;
        }
        assert_true(sd_event_add_io(sd_event_source_get_event(s), &c->peer, peer, EPOLLIN, on_canned_request,
                                    c) >= 0);
        assert_true(sd_event_source_set_io_fd_own(c->peer, true) >= 0);
        return 0;
}

static void canned_open(Canned *c, sd_event *event)
{
        *c = (Canned){ 0 };
        c->fd = listen_anywhere(&c->port);
        assert_true(sd_event_add_io(event, &c->source, c->fd, EPOLLIN, on_canned, c) >= 0);
}

static void canned_close(Canned *c)
{
        (void) sd_event_source_disable_unref(c->source);
        (void) sd_event_source_disable_unref(c->peer);
        close(c->fd);
}

/* Runs a program as a user that PostgreSQL accepts. */
static pid_t spawn(const char *program, const char *const *arguments)
{
        _cleanup_free_ char *path = str_printf("%s/%s", bin, program);
        const char *words[32] = { "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups",
                path };
        size_t n = 5, first = geteuid() == 0 ? 0 : 4;
        posix_spawn_file_actions_t actions;
        pid_t pid;

        for (; *arguments; arguments++)
                words[n++] = *arguments;
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        (void) posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        assert_int_equal(posix_spawnp(&pid, words[first], &actions, NULL, (char **) words + first, environ),
                        0);
        (void) posix_spawn_file_actions_destroy(&actions);
        return pid;
}

static int prepare_server(void **state)
{
        _cleanup_free_ char *data = str_printf("%s/data", folder), *pw = str_printf("%s/pw", folder);
        _cleanup_free_ char *port = NULL;
        int status;
        pid_t pid;

        if (write_file_atomic(pw, PASSWORD "\n", 0644) < 0 || chmod(folder, 0777) < 0)
                return -1;
        pid = spawn("initdb", (const char *const[]){ "-D", data, "-U", "postgres", "--pwfile", pw, "-A",
                                              "scram-sha-256", "-N", "--no-instructions", "-E", "UTF8",
                                              "--locale=C", NULL });
        if (waitpid(pid, &status, 0) != pid || status != 0)
                return -1;
        server_port = dead_port();
        port = str_printf("%u", (unsigned) server_port);
        server = spawn("postgres", (const char *const[]){ "-D", data, "-p", port, "-h", "127.0.0.1", "-k",
                                                   folder, "-F", NULL });
        return 0;
}

static int finish_server(void **state)
{
        const char *const words[] = { "rm", "-rf", folder, NULL };
        pid_t pid;

        if (server > 0) {
                (void) kill(server, SIGINT); /* a fast shutdown */
                (void) waitpid(server, NULL, 0);
        }
        if (posix_spawnp(&pid, "rm", NULL, NULL, (char **) words, environ) == 0)
                (void) waitpid(pid, NULL, 0);
        return 0;
}

/* ---- The fixture ---- */

typedef struct Fixture {
        sd_event *event;
        CurlGlue *curl;
        Probe *probe;
        ProbePort *port;
        unsigned n_done;
        int error;
        bool secure_cookies;
        char reason[512], text[64];
        Pending *other;
} Fixture;

static void setup(Fixture *f)
{
        *f = (Fixture){ 0 };
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(curl_glue_new(f->event, &f->curl), 0);
        assert_int_equal(probe_new(f->event, f->curl, &f->probe), 0);
        f->port = probe_port(f->probe);
}

static void teardown(Fixture *f)
{
        f->probe = probe_free(f->probe);
        f->curl = curl_glue_free(f->curl);
        assert_int_equal(sd_event_run(f->event, 0), 0); /* nothing of it is left in the loop */
        f->event = sd_event_unref(f->event);
}

static void on_done(int error, const char *reason, void *userdata)
{
        Fixture *f = userdata;

        f->n_done++;
        f->error = error;
        (void) snprintf(f->reason, sizeof f->reason, "%s", strempty(reason));
        f->other = pending_cancel(f->other);
}

static void on_answer(int error, const char *reason, const HttpAnswer *answer, void *userdata)
{
        Fixture *f = userdata;

        assert_int_equal(answer != NULL, error == 0);
        f->secure_cookies = answer && answer->secure_cookies;
        on_done(error, reason, userdata);
}

static void on_query(int error, const char *reason, const char *text, void *userdata)
{
        Fixture *f = userdata;

        on_done(error, reason, userdata);
        (void) snprintf(f->text, sizeof f->text, "%s", text ? text : "(null)");
}

static void wait_done(Fixture *f, unsigned n)
{
        uint64_t end = now_monotonic() + PATIENCE_US;

        while (f->n_done < n && now_monotonic() < end)
                assert_true(sd_event_run(f->event, 50 * USEC_PER_MSEC) >= 0);
        assert_int_equal(f->n_done, n);
}

static PqLogin right_login(void)
{
        return (PqLogin){ .address = "127.0.0.1",
                .port = server_port,
                .database = "postgres",
                .user = "postgres",
                .password = PASSWORD };
}

static const char *query(Fixture *f, const PqLogin *login, const char *text, uint64_t timeout)
{
        Pending *pending;

        f->n_done = 0;
        assert_int_equal(pq_query(f->event, login, text, timeout, on_query, f, &pending), 0);
        assert_int_equal(f->n_done, 0);
        wait_done(f, 1);
        return f->error == 0 ? f->text : f->reason;
}

static const char *login(Fixture *f, PqLogin l)
{
        const DatabaseLogin d = { .address = l.address,
                .port = l.port,
                .database = l.database,
                .user = l.user,
                .password = l.password };
        Pending *pending;

        f->n_done = 0;
        assert_int_equal(f->port->vtable->database_login(f->port, &d, TIMEOUT, on_done, f, &pending), 0);
        assert_int_equal(f->n_done, 0);
        wait_done(f, 1);
        return f->reason;
}

static const char *get(Fixture *f, uint16_t port, const char *path, uint64_t timeout)
{
        const HttpProbe h = { .address = "127.0.0.1", .port = port, .path = path, .host = "client.test" };
        Pending *pending;

        f->n_done = 0;
        assert_int_equal(f->port->vtable->http_get(f->port, &h, timeout, on_answer, f, &pending), 0);
        assert_int_equal(f->n_done, 0);
        wait_done(f, 1);
        return f->reason;
}

/* ---- The database ---- */

static void test_login(void **state)
{
        PqLogin l = right_login();
        uint64_t end = now_monotonic() + PATIENCE_US;
        Fixture f;

        setup(&f);
        do { /* as arkd does it: until the server is up */
                (void) login(&f, l);
                if (f.error != 0)
                        assert_true(streq(f.reason, "connection refused") ||
                                        streq(f.reason, "FATAL: the database system is starting up"));
        } while (f.error != 0 && now_monotonic() < end);
        assert_int_equal(f.error, 0);
        l.password = "wrong horse";
        assert_string_equal(login(&f, l), "FATAL: password authentication failed for user \"postgres\"");
        assert_int_equal(f.error, -ECONNREFUSED);
        l = right_login();
        l.database = "host=/tmp dbname=nope";
        assert_string_equal(login(&f, l), "FATAL: database \"host=/tmp dbname=nope\" does not exist");
        l.port = dead_port();
        assert_string_equal(login(&f, l), "connection refused");
        assert_int_equal(f.error, -ECONNREFUSED);
        teardown(&f);
}

static void test_query(void **state)
{
        static const struct {
                const char *query, *answer;
                int error;
        } cases[] = {
                { "SELECT 'ñ'", "ñ", 0 },
                { "SELECT NULL", "(null)", 0 },
                { "SELECT 1 WHERE false", "(null)", 0 },
                { "SELECT", "(null)", 0 },
                { "", "(null)", 0 },
                { "DO 'BEGIN RAISE NOTICE ''%'', 7; END'", "(null)", 0 },
                { "SELECT * FROM generate_series(5, 500000)", "5", 0 },
                { "SELECT 1/0", "ERROR: division by zero", -EBADMSG },
                { "SELECT 10/(3 - n) FROM generate_series(1, 3) n", "ERROR: division by zero", -EBADMSG },
                { "SELEC", "ERROR: syntax error at or near \"SELEC\"", -EBADMSG },
                { "COPY (SELECT 1) TO STDOUT", "the server gave no reason", -EBADMSG },
        };
        const PqLogin l = right_login();
        const char *last;
        Fixture f;

        setup(&f);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_string_equal(query(&f, &l, cases[i].query, TIMEOUT), cases[i].answer);
                assert_int_equal(f.error, cases[i].error);
        }
        /* The server's last words may come before the end of the connection, or be lost with it. */
        last = query(&f, &l, "SELECT pg_terminate_backend(pg_backend_pid())", TIMEOUT);
        assert_true(streq(last, "FATAL: terminating connection due to administrator command") ||
                        streq(last, "server closed the connection unexpectedly"));
        assert_int_equal(f.error, -ECONNRESET);
        assert_string_equal(query(&f, &l, "SELECT pg_sleep(60)", 200 * USEC_PER_MSEC),
                        "the query was not answered in time");
        assert_int_equal(f.error, -ETIMEDOUT);
        teardown(&f);
}

/* Not a database, or one that hangs. */
static void test_strange_servers(void **state)
{
        PqLogin l = right_login();
        Canned c;
        Fixture f;
        int fd;

        setup(&f);
        fd = listen_anywhere(&l.port);
        assert_string_equal(
                        query(&f, &l, "SELECT 1", 50 * USEC_PER_MSEC), "the login was not answered in time");
        assert_int_equal(f.error, -ETIMEDOUT);
        close(fd);
        canned_open(&c, f.event);
        l.port = c.port;
        assert_string_equal(login(&f, l), "server closed the connection unexpectedly");
        assert_int_equal(f.error, -ECONNREFUSED);
        c.answer = "SSH-2.0-OpenSSH_9.2\r\n";
        assert_true(login(&f, l)[0]); /* the words differ between libpq's versions */
        assert_int_equal(f.error, -ECONNREFUSED);
        canned_close(&c);
        teardown(&f);
}

static void test_cancel_query(void **state)
{
        const PqLogin l = right_login();
        bool ended = false;
        Pending *pending;
        Fixture f;

        setup(&f);
        for (unsigned turns = 0; turns < 1000 && !ended; turns++) {
                f.n_done = 0;
                assert_int_equal(pq_query(f.event, &l, "SELECT * FROM generate_series(1, 9999)", TIMEOUT,
                                                 on_query, &f, &pending),
                                0);
                for (unsigned i = 0; i < turns && f.n_done == 0; i++)
                        assert_true(sd_event_run(f.event, USEC_PER_SEC) >= 0);
                ended = f.n_done == 1;
                if (!ended)
                        (void) pending_cancel(pending);
        }
        assert_true(ended);
        f.n_done = 0;
        assert_int_equal(pq_query(f.event, &l, "SELECT pg_sleep(60)", TIMEOUT, on_query, &f, &f.other), 0);
        assert_int_equal(pq_query(f.event, &l, "SELECT 1", TIMEOUT, on_query, &f, &pending), 0);
        wait_done(&f, 1);
        assert_null(f.other);
        teardown(&f);
}

/* ---- The application ---- */

static void test_http(void **state)
{
        static const struct {
                const char *answer, *reason;
                int error;
        } cases[] = {
                { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "", 0 },
                { "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "", 0 },
                { "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "", 0 },
                { "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\nthe rest never comes", "", 0 },
                { "HTTP/1.1 499 Hm\r\n\r\n", "", 0 },
                { "HTTP/1.1 500 Oh\r\n\r\n", "HTTP status 500", -EBADMSG },
                { "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "HTTP status 503", -EBADMSG },
                { "SSH-2.0-OpenSSH_9.2\r\n", "what it answered is not HTTP", -EPROTO },
        };
        Canned c;
        Fixture f;

        setup(&f);
        canned_open(&c, f.event);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                c.answer = cases[i].answer;
                assert_string_equal(get(&f, c.port, "/a/../b%2F?c=d", TIMEOUT), cases[i].reason);
                assert_int_equal(f.error, cases[i].error);
                assert_non_null(startswith(c.asked, "GET /a/../b%2F?c=d HTTP/1.1\r\n"));
                assert_non_null(strstr(c.asked, "\r\nHost: client.test\r\n"));
        }
        c.answer = NULL;
        (void) get(&f, c.port, "/", TIMEOUT);
        assert_int_equal(f.error, -ECONNRESET);
        assert_true(f.reason[0]);
        canned_close(&c);
        assert_string_equal(get(&f, c.port, "/", TIMEOUT), "connection refused");
        assert_int_equal(f.error, -ENOTCONN);
        c.fd = listen_anywhere(&c.port);
        assert_string_equal(get(&f, c.port, "/", 50 * USEC_PER_MSEC), "no answer in time");
        assert_int_equal(f.error, -ETIMEDOUT);
        close(c.fd);
        teardown(&f);
}

/* Those that a browser takes over https alone. */
static void test_secure_cookies(void **state)
{
        static const struct {
                const char *headers;
                bool secure;
        } cases[] = {
                { "", false },
                { "Set-Cookie: a=b; Path=/; HttpOnly\r\n", false },
                { "Set-Cookie: a=b; Path=/; Secure; HttpOnly\r\n", true },
                { "set-cookie:a=b;secure\r\n", true },
                { "Set-Cookie: a=b\r\nSet-Cookie: c=d;\tSECURE \r\nX: y\r\n", true },
                { "Set-Cookie: Secure=1; Path=/secure; SecureIsNot; Domain=Secure\r\n", false },
                { "Set-Cookie: a=Secure\r\nX-Set-Cookie: a; Secure\r\n", false },
                { "Set-Cookie:\r\nSet-Cookie: ;\r\n", false },
        };
        Canned c;
        Fixture f;

        setup(&f);
        canned_open(&c, f.event);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *answer = str_printf(
                                "HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\nok", cases[i].headers);

                c.answer = answer;
                assert_string_equal(get(&f, c.port, "/", TIMEOUT), "");
                if (f.secure_cookies != cases[i].secure)
                        fail_msg("%s", cases[i].headers);
        }
        canned_close(&c);
        teardown(&f);
}

static void test_cancel_http(void **state)
{
        const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        bool ended = false;
        HttpProbe h = { .address = "127.0.0.1", .path = "/", .host = "h" };
        Pending *pending;
        Canned c;
        Fixture f;

        setup(&f);
        canned_open(&c, f.event);
        c.answer = answer;
        h.port = c.port;
        for (unsigned turns = 0; turns < 1000 && !ended; turns++) {
                f.n_done = 0;
                assert_int_equal(f.port->vtable->http_get(f.port, &h, TIMEOUT, on_answer, &f, &pending), 0);
                for (unsigned i = 0; i < turns && f.n_done == 0; i++)
                        assert_true(sd_event_run(f.event, USEC_PER_SEC) >= 0);
                ended = f.n_done == 1;
                if (!ended)
                        (void) pending_cancel(pending);
        }
        assert_true(ended);
        canned_close(&c);
        teardown(&f);
}

int main(void)
{
        const struct CMUnitTest http_tests[] = {
                cmocka_unit_test(test_http),
                cmocka_unit_test(test_secure_cookies),
                cmocka_unit_test(test_cancel_http),
        };
        const struct CMUnitTest database_tests[] = {
                cmocka_unit_test(test_login),
                cmocka_unit_test(test_query),
                cmocka_unit_test(test_strange_servers),
                cmocka_unit_test(test_cancel_query),
        };
        glob_t found = { 0 };
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        (void) setenv("http_proxy", "http://127.0.0.1:1", 1);
        r = cmocka_run_group_tests(http_tests, NULL, NULL);
        if (r != 0)
                return r;
        if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
                return SKIP;
        bin = found.gl_pathv[0];
        if (!mkdtemp(folder))
                return 1;
        r = cmocka_run_group_tests(database_tests, prepare_server, finish_server);
        globfree(&found);
        return r;
}
