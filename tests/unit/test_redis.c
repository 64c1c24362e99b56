/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/pending.h"
#include "basic/string-util.h"
#include "glue/redis-glue.h"
#include "redis-peer.h"

#define TIMEOUT (5 * USEC_PER_SEC)

typedef struct Fixture {
        sd_event *event;
        RedisConnection *connection;
        unsigned n_connected, n_lost, n_replies, n_broken;
        char lost_reason[256], last[256];
        bool free_on_connected, free_on_reply, free_on_lost;
        Pending *other; /* cancelled by the first reply */
} Fixture;

static void on_connected(void *userdata)
{
        Fixture *f = userdata;

        f->n_connected++;
        if (f->free_on_connected)
                f->connection = redis_connection_free(f->connection);
}

static void on_lost(const char *reason, void *userdata)
{
        Fixture *f = userdata;

        f->n_lost++;
        assert_false(redis_connection_is_open(f->connection));
        (void) snprintf(f->lost_reason, sizeof f->lost_reason, "%s", reason);
        if (f->free_on_lost)
                f->connection = redis_connection_free(f->connection);
}

static void on_reply(int error, const redisReply *reply, void *userdata)
{
        Fixture *f = userdata;

        if (error < 0) {
                assert_int_equal(error, -ENOTCONN);
                assert_null(reply);
                assert_int_equal(f->n_lost, 0); /* all calls end before on_lost */
                f->n_broken++;
        } else {
                f->n_replies++;
                (void) snprintf(f->last, sizeof f->last, "%s", strempty(reply->str));
        }
        f->other = pending_cancel(f->other);
        if (f->free_on_reply)
                f->connection = redis_connection_free(f->connection);
}

static void open_connection(Fixture *f, const char *address)
{
        assert_int_equal(redis_connection_new(f->event, address, TIMEOUT, on_connected, on_lost, f,
                                         &f->connection),
                        0);
}

static Pending *send(Fixture *f, const char *word, const char *argument)
{
        const char *const words[] = { word, argument };
        Pending *pending = NULL;

        assert_int_equal(redis_connection_command(f->connection, argument ? 2 : 1, words, NULL, on_reply, f,
                                         &pending),
                        0);
        return pending;
}

static void setup(Fixture *f)
{
        *f = (Fixture){ 0 };
        assert_true(sd_event_new(&f->event) >= 0);
}

static void teardown(Fixture *f)
{
        f->connection = redis_connection_free(f->connection);
        assert_int_equal(sd_event_run(f->event, 0), 0); /* nothing of it is left in the loop */
        f->event = sd_event_unref(f->event);
}

static void test_addresses(void **state)
{
        static const struct {
                const char *address;
                int error;
        } cases[] = { { "", -EINVAL }, { "redis", -EINVAL }, { "redis.example:6379", -EINVAL },
                { "127.0.0.1", -EINVAL }, { "127.0.0.1:", -EINVAL }, { "127.0.0.1:0", -EINVAL },
                { "127.0.0.1:65536", -EINVAL }, { ":6379", -EINVAL }, { "[::1:6379", -EINVAL },
                { "[:6379", -EINVAL },
                { "/a-path/that-is/longer-than/what-fits/in-the/address-of-a/unix-socket/"
                  "which-is/hundred-and-eight/bytes-long/with-its/terminator",
                                -ENAMETOOLONG } };
        Fixture f;

        setup(&f);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(redis_connection_new(f.event, cases[i].address, TIMEOUT, on_connected,
                                                 on_lost, &f, &f.connection),
                                cases[i].error);
        assert_null(f.connection);
        teardown(&f);
}

static void test_commands(void **state)
{
        Fixture f;

        setup(&f);
        open_connection(&f, peer_socket);
        assert_int_equal(redis_connection_command(f.connection, 1, (const char *const[]){ "PING" }, NULL,
                                         on_reply, &f, NULL),
                        -ENOTCONN);
        RUN_UNTIL(f.event, f.n_connected == 1);
        assert_true(redis_connection_is_open(f.connection));
        (void) send(&f, "ECHO", "%s %b \"");
        (void) send(&f, "ECHO", "two");
        RUN_UNTIL(f.event, f.n_replies == 2);
        assert_string_equal(f.last, "two");
        (void) send(&f, "NO-SUCH", NULL);
        RUN_UNTIL(f.event, f.n_replies == 3);
        assert_non_null(startswith(f.last, "ERR unknown command"));
        assert_int_equal(f.n_lost, 0);
        teardown(&f);
}

/* More than a socket holds at once, both ways. */
static void test_large(void **state)
{
        _cleanup_free_ char *text = malloc(8U << 20);
        Fixture f;

        setup(&f);
        memset(text, 'x', (8U << 20) - 1);
        text[(8U << 20) - 1] = '\0';
        open_connection(&f, peer_socket);
        RUN_UNTIL(f.event, f.n_connected == 1);
        (void) send(&f, "ECHO", text);
        (void) send(&f, "ECHO", "after");
        RUN_UNTIL(f.event, f.n_replies == 2);
        assert_string_equal(f.last, "after");
        teardown(&f);
}

static void test_refused(void **state)
{
        Fixture f;

        setup(&f);
        open_connection(&f, "/nonexistent/socket");
        assert_int_equal(f.n_lost, 0); /* never from within the call */
        RUN_UNTIL(f.event, f.n_lost == 1);
        assert_string_equal(f.lost_reason, "No such file or directory");
        teardown(&f);
        setup(&f);
        f.free_on_lost = true;
        open_connection(&f, "127.0.0.1:1");
        RUN_UNTIL(f.event, f.n_lost == 1);
        assert_string_equal(f.lost_reason, "Connection refused");
        teardown(&f);
}

static void test_tcp(void **state)
{
        char address[32];
        Fixture f;

        setup(&f);
        for (unsigned port = 40000 + (unsigned) getpid() % 20000; port < 65535; port++)
                if (streq(peer_ask("CONFIG SET port %u", port), "OK")) {
                        (void) snprintf(address, sizeof address, "localhost:%u", port);
                        break;
                }
        open_connection(&f, address);
        RUN_UNTIL(f.event, f.n_connected == 1);
        (void) send(&f, "PING", NULL);
        RUN_UNTIL(f.event, f.n_replies == 1);
        assert_string_equal(f.last, "PONG");
        teardown(&f);
}

static void test_killed(void **state)
{
        Fixture f;

        setup(&f);
        open_connection(&f, peer_socket);
        RUN_UNTIL(f.event, f.n_connected == 1);
        (void) kill(peer_pid, SIGSTOP);
        for (int i = 0; i < 100; i++)
                (void) send(&f, "PING", NULL);
        (void) sd_event_run(f.event, 0);
        peer_kill();
        RUN_UNTIL(f.event, f.n_lost == 1);
        assert_int_equal(f.n_broken, 100);
        assert_int_equal(f.n_replies, 0);
        teardown(&f);
        peer_start();
}

static void test_break(void **state)
{
        Fixture f;

        setup(&f);
        open_connection(&f, peer_socket);
        RUN_UNTIL(f.event, f.n_connected == 1);
        (void) send(&f, "PING", NULL);
        f.other = send(&f, "PING", NULL);
        (void) send(&f, "PING", NULL);
        redis_connection_break(f.connection, "enough");
        assert_false(redis_connection_is_open(f.connection));
        assert_int_equal(f.n_broken, 0);
        RUN_UNTIL(f.event, f.n_lost == 1);
        assert_int_equal(f.n_broken, 2); /* the first one cancelled the second */
        assert_string_equal(f.lost_reason, "enough");
        teardown(&f);
}

static void test_cancel(void **state)
{
        Fixture f;

        setup(&f);
        open_connection(&f, peer_socket);
        RUN_UNTIL(f.event, f.n_connected == 1);
        for (int i = 0; i < 20; i++)
                (void) pending_cancel(send(&f, "PING", NULL));
        (void) send(&f, "ECHO", "a");
        f.other = send(&f, "ECHO", "b"); /* by a's callback, when its answer is already here */
        (void) send(&f, "ECHO", "c");
        RUN_UNTIL(f.event, f.n_replies == 2);
        assert_string_equal(f.last, "c");
        teardown(&f);
}

/* Freed in each of its own callbacks, and with calls under way in each state. */
static void test_freed_anywhere(void **state)
{
        Fixture f;

        setup(&f);
        f.free_on_connected = true;
        open_connection(&f, peer_socket);
        RUN_UNTIL(f.event, f.n_connected == 1);
        teardown(&f);

        setup(&f);
        f.free_on_reply = true;
        open_connection(&f, peer_socket);
        RUN_UNTIL(f.event, f.n_connected == 1);
        for (int i = 0; i < 5; i++)
                (void) send(&f, "PING", NULL);
        RUN_UNTIL(f.event, f.n_replies > 0);
        assert_int_equal(f.n_replies, 1);
        teardown(&f);
        assert_int_equal(f.n_lost + f.n_broken, 0);

        setup(&f);
        f.free_on_reply = true;
        open_connection(&f, peer_socket);
        RUN_UNTIL(f.event, f.n_connected == 1);
        for (int i = 0; i < 5; i++)
                (void) send(&f, "PING", NULL);
        redis_connection_break(f.connection, "enough");
        RUN_UNTIL(f.event, f.n_broken == 1);
        teardown(&f);
        assert_int_equal(f.n_lost, 0);

        setup(&f);
        open_connection(&f, peer_socket);
        teardown(&f);
        setup(&f);
        open_connection(&f, peer_socket);
        RUN_UNTIL(f.event, f.n_connected == 1);
        for (int i = 0; i < 5; i++)
                (void) send(&f, "PING", NULL);
        redis_connection_break(f.connection, "enough");
        teardown(&f);
        assert_int_equal(f.n_replies + f.n_broken + f.n_lost, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_commands),
                cmocka_unit_test(test_large),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_tcp),
                cmocka_unit_test(test_killed),
                cmocka_unit_test(test_break),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_freed_anywhere),
        };
        int r = peer_prepare();

        if (r != 0)
                return r;
        peer_start();
        r = cmocka_run_group_tests(tests, NULL, NULL);
        peer_finish();
        return r;
}
