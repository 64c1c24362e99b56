/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "glue/mhd-glue.h"

/* What a client can hold, with limits that a test can wait for. */
static const MhdLimits limits = {
        .connections = 3,
        .idle_s = 2,
        .memory = 16 * 1024,
        .body = 1024,
        .transfer_usec = 500 * USEC_PER_MSEC,
        .stream_usec = USEC_PER_SEC,
};

typedef struct Server {
        sd_event *event;
        MhdGlue *glue;
        int listen_fd;
        struct sockaddr_un address;
        MhdExchange *last; /* that waits */
        unsigned n_begun, n_ended;
} Server;

static struct MHD_Response *text_response(size_t n)
{
        char *text = malloc(n);

        assert_non_null(text);
        memset(text, 'x', n);
        return MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
}

static ssize_t fill(MhdExchange *exchange, char *buffer, size_t max, void *userdata)
{
        memset(buffer, 's', max);
        return (ssize_t) max;
}

static void on_head(MhdExchange *e, void *userdata)
{
        Server *s = userdata;

        s->n_begun++;
        if (streq(e->target, "/refuse"))
                mhd_exchange_reply(e, 403, text_response(1));
        if (streq(e->target, "/drop"))
                mhd_exchange_reply(e, 0, NULL);
}

static void on_request(MhdExchange *e, void *userdata)
{
        Server *s = userdata;

        if (streq(e->target, "/now?a=%2f"))
                mhd_exchange_reply(e, 200, text_response(10));
        else if (streq(e->target, "/big"))
                mhd_exchange_reply(e, 200, text_response(8 * 1024 * 1024));
        else if (streq(e->target, "/stream"))
                mhd_exchange_reply(e, 200, mhd_exchange_stream(e, fill, NULL));
        else
                s->last = e;
}

static void on_too_large(MhdExchange *e, void *userdata)
{
        mhd_exchange_reply(e, 413, text_response(1));
}

static void on_end(MhdExchange *e, void *userdata)
{
        Server *s = userdata;

        s->n_ended++;
        if (s->last == e)
                s->last = NULL;
}

static const MhdHandlers handlers = { on_head, on_request, on_too_large, on_end };

static int setup(void **state)
{
        Server *s = new0(Server, 1);

        assert_non_null(s);
        s->address.sun_family = AF_UNIX;
        (void) snprintf(s->address.sun_path + 1, sizeof s->address.sun_path - 1, "ark-mhd-test-%d",
                        getpid());
        assert_int_equal(sd_event_new(&s->event), 0);
        s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(s->listen_fd, (struct sockaddr *) &s->address, sizeof s->address), 0);
        assert_int_equal(listen(s->listen_fd, 64), 0);
        assert_int_equal(mhd_glue_new(s->event, s->listen_fd, &limits, &handlers, s, &s->glue), 0);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        Server *s = *state;

        mhd_glue_free(s->glue);
        assert_int_equal(s->n_begun, s->n_ended);
        assert_null(s->last);
        assert_int_equal(fcntl(s->listen_fd, F_GETFD), -1);
        sd_event_unref(s->event);
        free(s);
        return 0;
}

static int dial(Server *s)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (struct sockaddr *) &s->address, sizeof s->address), 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        return fd;
}

static void say(int fd, const char *text)
{
        (void) send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void run(Server *s, uint64_t ms)
{
        uint64_t end = now_monotonic() + ms * USEC_PER_MSEC;

        while (now_monotonic() < end)
                assert_true(sd_event_run(s->event, 5 * USEC_PER_MSEC) >= 0);
}

/* What has come: number of bytes, -1 where the server has ended the connection. */
static ssize_t hear(int fd, char *buffer, size_t max)
{
        ssize_t n = recv(fd, buffer, max - 1, 0);

        if (n < 0 && errno == EAGAIN)
                n = 0;
        else if (n <= 0)
                return -1;
        buffer[n] = 0;
        return n;
}

static bool has_ended(int fd)
{
        char buffer[4096];
        ssize_t n;

        while ((n = hear(fd, buffer, sizeof buffer)) > 0)
                ;
        return n < 0;
}

static void assert_answer(int fd, const char *start)
{
        char buffer[4096] = "";

        assert_true(hear(fd, buffer, sizeof buffer) > 0);
        assert_non_null(startswith(buffer, start));
}

static void test_answers(void **state)
{
        Server *s = *state;
        _cleanup_close_ int fd = dial(s), later = dial(s), refused = dial(s);

        say(fd, "GET /now?a=%2f HTTP/1.1\r\nHost: x\r\n\r\n");
        say(later, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        say(refused, "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
        run(s, 50);
        assert_answer(fd, "HTTP/1.1 200 ");
        assert_answer(refused, "HTTP/1.1 403 ");
        assert_non_null(s->last);
        mhd_exchange_reply(s->last, 200, text_response(2));
        mhd_exchange_reply(s->last, 500, text_response(2));
        run(s, 50);
        assert_answer(later, "HTTP/1.1 200 ");
        /* The connection goes on. */
        say(later, "GET /drop HTTP/1.1\r\nHost: x\r\n\r\n");
        run(s, 50);
        assert_true(has_ended(later));
}

static void test_idle(void **state)
{
        Server *s = *state;
        _cleanup_close_ int fd = dial(s);

        run(s, 100);
        assert_false(has_ended(fd));
        run(s, 4000);
        assert_true(has_ended(fd));
}

/* A byte now and then is not idle, but it is not a request either. */
static void test_slow_sender(void **state)
{
        Server *s = *state;
        _cleanup_close_ int head = dial(s), body = dial(s), waits = dial(s);
        unsigned i;

        say(body, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n");
        say(waits, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        for (i = 0; i < 100 && !(has_ended(head) && has_ended(body)); i++) {
                say(head, "a");
                say(body, "a");
                run(s, 50);
        }
        assert_in_range(i, 5, 99);
        /* Whoever has sent all waits as long as it takes. */
        assert_false(has_ended(waits));
        assert_non_null(s->last);
}

static void test_slow_readers(void **state)
{
        Server *s = *state;
        _cleanup_close_ int big = dial(s), stream = dial(s);
        unsigned i;

        say(big, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        say(stream, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        for (i = 0; i < 100 && s->n_ended < 2; i++) {
                char c[2];

                (void) hear(big, c, sizeof c);
                (void) hear(stream, c, sizeof c);
                run(s, 50);
        }
        assert_in_range(i, 5, 99);
}

static void test_limit(void **state)
{
        Server *s = *state;
        int first[3];
        _cleanup_close_ int waits = -1;

        for (size_t i = 0; i < ELEMENTSOF(first); i++)
                first[i] = dial(s);
        run(s, 50);
        waits = dial(s);
        say(waits, "GET /now?a=%2f HTTP/1.1\r\nHost: x\r\n\r\n");
        run(s, 50);
        assert_int_equal(s->n_begun, 0);
        for (size_t i = 0; i < ELEMENTSOF(first); i++)
                close(first[i]);
        run(s, 50);
        assert_answer(waits, "HTTP/1.1 200 ");
}

static void test_hangup(void **state)
{
        Server *s = *state;
        int gone = dial(s);
        _cleanup_close_ int half = dial(s);

        say(gone, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        run(s, 50);
        assert_int_equal(s->n_ended, 0);
        close(gone);
        run(s, 50);
        assert_int_equal(s->n_ended, 1);
        assert_null(s->last);
        /* Who says no more still listens. */
        say(half, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(shutdown(half, SHUT_WR), 0);
        run(s, 50);
        assert_non_null(s->last);
        mhd_exchange_reply(s->last, 200, text_response(1));
        run(s, 50);
        assert_answer(half, "HTTP/1.1 200 ");
}

/* Whose connection was accepted before the end is answered; who says nothing holds it up for a moment only. */
static void test_last_words(void **state)
{
        Server *s = *state;
        _cleanup_close_ int asks = dial(s), silent = dial(s);
        uint64_t begun;

        run(s, 50);
        say(asks, "GET /now?a=%2f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        begun = now_monotonic();
        mhd_glue_drain(s->glue);
        assert_in_range(now_monotonic() - begun, 50 * USEC_PER_MSEC, USEC_PER_SEC);
        assert_answer(asks, "HTTP/1.1 200 ");
        assert_false(has_ended(silent));
        /* There is nobody to wait for any more. */
        close(TAKE_FD(silent));
        begun = now_monotonic();
        mhd_glue_drain(s->glue);
        assert_in_range(now_monotonic() - begun, 0, 50 * USEC_PER_MSEC);
}

/* Leaves the process without a descriptor; answers the limit that it had. */
static struct rlimit take_descriptors(Server *s)
{
        struct rlimit old, none;
        int next;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        next = fcntl(s->listen_fd, F_DUPFD_CLOEXEC, 0);
        assert_true(next >= 0);
        close(next);
        none = (struct rlimit){ .rlim_cur = (rlim_t) next, .rlim_max = old.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        return old;
}

/* A connection that cannot be accepted for want of descriptors waits, and takes no processor meanwhile. */
static void test_no_descriptors(void **state)
{
        Server *s = *state;
        _cleanup_close_ int fd = dial(s);
        uint64_t end = now_monotonic() + USEC_PER_SEC;
        struct rlimit old = take_descriptors(s);
        unsigned turns = 0;

        while (now_monotonic() < end)
                if (sd_event_run(s->event, 5 * USEC_PER_MSEC) > 0)
                        turns++;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_in_range(turns, 2, 100);
        say(fd, "GET /now?a=%2f HTTP/1.1\r\nHost: x\r\n\r\n");
        run(s, 300);
        assert_answer(fd, "HTTP/1.1 200 ");
}

/* Nor does it wait until a connection ends that was there before: that may be long. */
static void test_descriptors_again(void **state)
{
        Server *s = *state;
        _cleanup_close_ int open = dial(s), fd = -1;
        struct rlimit old;

        say(open, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        run(s, 50);
        fd = dial(s);
        old = take_descriptors(s);
        /* For longer than it takes to try again. */
        run(s, 2500);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        say(fd, "GET /now?a=%2f HTTP/1.1\r\nHost: x\r\n\r\n");
        run(s, 2500);
        assert_answer(fd, "HTTP/1.1 200 ");
        assert_false(has_ended(open));
        assert_non_null(s->last);
}

/* Who comes just after the last one has hung up does not wait. */
static void test_after_hangup(void **state)
{
        Server *s = *state;
        uint64_t begun = now_monotonic();

        for (unsigned i = 0; i < 20; i++) {
                _cleanup_close_ int fd = dial(s);
                char buffer[4096] = "";

                say(fd, "GET /now?a=%2f HTTP/1.1\r\nHost: x\r\n\r\n");
                while (hear(fd, buffer, sizeof buffer) == 0 && now_monotonic() - begun < 5 * USEC_PER_SEC)
                        assert_true(sd_event_run(s->event, 5 * USEC_PER_MSEC) >= 0);
                assert_non_null(startswith(buffer, "HTTP/1.1 200 "));
                close(TAKE_FD(fd));
                while (sd_event_run(s->event, 0) > 0)
                        ;
        }
        /* A tenth of a second each would be two. */
        assert_in_range(now_monotonic() - begun, 0, USEC_PER_SEC);
}

#define with_server(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                with_server(test_answers),
                with_server(test_idle),
                with_server(test_slow_sender),
                with_server(test_slow_readers),
                with_server(test_limit),
                with_server(test_hangup),
                with_server(test_after_hangup),
                with_server(test_last_words),
                with_server(test_no_descriptors),
                with_server(test_descriptors_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
