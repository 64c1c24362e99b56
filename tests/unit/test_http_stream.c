/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>

#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/registry/counters.h"
#include "core/verbs/request.h"
#include "http_test.h"

/* ---- Streams ----------------------------------------------------------------------------------------------- */

#define EVENTS "GET /api/instances/" FAKE_ID "/events HTTP/1.1\r\n" FROM_LAN "\r\n"

static Client *follow(Fixture *f)
{
        Client *c = client_new(f, LISTENER_PUBLIC);

        client_send(c, EVENTS, strlen(EVENTS));
        assert_true(client_wait(c, "event: instance\ndata: {"));
        return c;
}

static size_t count(const char *text, const char *part)
{
        size_t n = 0;

        for (const char *p = text; p && (p = strstr(p, part)); p += strlen(part))
                n++;
        return n;
}

static void test_events(void **state)
{
        Fixture *f = *state;
        _cleanup_(client_freep) Client *c = follow(f);

        assert_has(c->text, "\r\nContent-Type: text/event-stream\r\n");
        assert_has(c->text, "\"status\":\"pending\"");
        fake_manager_changed(&f->manager, INSTANCE_PENDING, PHASE_IMAGE);
        fake_manager_changed(&f->manager, INSTANCE_PENDING, PHASE_DATABASE);
        assert_true(client_wait(c, "\"phase\":4"));
        assert_has(c->text, "\"phase\":1");
        fake_manager_changed(&f->manager, INSTANCE_RUNNING, PHASE_READY);
        assert_true(client_wait(c, "\r\n0\r\n\r\n"));
        assert_has(c->text, "\"status\":\"running\"");
        assert_int_equal(count(c->text, "event: instance\n"), 4);
        assert_has(c->text, "\"for_operator\":false");
}

static void test_events_settled(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *answer = NULL;

        f->manager.instance.status = INSTANCE_FAILED;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/api/instances/" FAKE_ID "/events", FROM_LAN,
                                         NULL, &answer),
                        200);
        assert_int_equal(count(answer, "event: instance\n"), 1);
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/api/instances/client_000000000000/events",
                                         FROM_LAN, NULL, NULL),
                        404);
        assert_int_equal(ask_once(f, LISTENER_ADMIN, "GET", "/api/instances/" FAKE_ID "/events", FROM_LAN,
                                         NULL, NULL),
                        401);
}

/* Nothing is read for a while: what the server holds stays small, and the end is not lost. */
static void test_events_slow_reader(void **state)
{
        Fixture *f = *state;
        _cleanup_(client_freep) Client *c = follow(f);
        _cleanup_free_ char *message = repeat('m', 10000);
        size_t n = 500;

        f->manager.instance.message = message;
        for (size_t i = 0; i < n; i++) {
                fake_manager_changed(&f->manager, INSTANCE_PENDING, PHASE_IMAGE);
                (void) sd_event_run(f->event, 0);
        }
        fake_manager_changed(&f->manager, INSTANCE_RUNNING, PHASE_READY);
        assert_true(client_wait(c, "\r\n0\r\n\r\n"));
        assert_has(c->text, "\"status\":\"running\"");
        assert_true(count(c->text, "event: instance\n") < n);
        f->manager.instance.message = NULL;
}

static void test_events_limit(void **state)
{
        Client *clients[32];
        Fixture *f = *state;
        _cleanup_free_ char *answer = NULL;

        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                clients[i] = follow(f);
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/api/instances/" FAKE_ID "/events", FROM_LAN,
                                         NULL, &answer),
                        503);
        assert_has(answer, "\r\nRetry-After: ");
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                client_free(clients[i]);
        fixture_run(f, 50);
        client_free(follow(f));
}

/* ---- Connections ------------------------------------------------------------------------------------------- */

static void test_keep_alive(void **state)
{
        static const char two[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                  "GET /api/products HTTP/1.1\r\nHost: localhost\r\n" AS_ADMIN
                                  "Connection: close\r\n\r\n";
        _cleanup_(client_freep) Client *c = client_new(*state, LISTENER_LOCAL);

        client_send(c, two, strlen(two));
        (void) client_wait(c, NULL);
        assert_int_equal(count(c->text, "HTTP/1.1 200 "), 2);
        assert_has(c->text, "\"identity\":\"token\"");
}

#define FOREVER "GET /api/forever HTTP/1.1\r\n" FROM_LAN "\r\n"

static void test_client_goes_away(void **state)
{
        Fixture *f = *state;
        Client *c = client_new(f, LISTENER_PUBLIC);

        client_send(c, FOREVER, strlen(FOREVER));
        fixture_run(f, 20);
        assert_int_equal(f->manager.n_waiting, 1);
        client_free(c);
        fixture_run(f, 20);
        assert_int_equal(f->manager.n_waiting, 0);
        /* In the middle of a body. */
        c = client_new(f, LISTENER_PUBLIC);
        client_send(c, "POST /api/instances HTTP/1.1\r\nContent-Length: 50\r\n" FROM_LAN JSON "\r\n{", 60);
        client_free(c);
        fixture_run(f, 20);
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/api/products", FROM_LAN, NULL, NULL), 200);
}

static void test_late_answer(void **state)
{
        Fixture *f = *state;
        _cleanup_(client_freep) Client *c = client_new(f, LISTENER_PUBLIC);

        client_send(c, FOREVER, strlen(FOREVER));
        fixture_run(f, 20);
        request_succeed(f->manager.waiting, NULL);
        assert_true(client_wait(c, "\r\n\r\n{}"));
}

/* A server that stops while calls and streams wait tells them so, and leaves nothing. */
static void test_stop(void **state)
{
        Fixture *f = *state;
        _cleanup_(client_freep) Client *waits = client_new(f, LISTENER_PUBLIC), *follows = follow(f),
                                       *idle = client_new(f, LISTENER_LOCAL),
                                       *half = client_new(f, LISTENER_ADMIN);

        client_send(waits, FOREVER, strlen(FOREVER));
        client_send(half, FOREVER, 30);
        fixture_run(f, 20);
        assert_int_equal(f->manager.n_waiting, 1);
        f->server = http_server_free(f->server);
        assert_int_equal(f->manager.n_waiting, 0);
        assert_true(client_wait(waits, "HTTP/1.1 503 "));
        (void) client_wait(follows, NULL);
        assert_true(follows->ended);
        (void) client_wait(idle, NULL);
        assert_true(idle->ended);
}

/* Who was accepted before the loop ended is told that nothing comes of it: there is no loop for it to be done in. */
static void test_stop_before_asked(void **state)
{
        static const char *const requests[] = {
                "GET /api/products HTTP/1.1\r\n" FROM_LAN "Connection: close\r\n\r\n",
                "POST /api/instances HTTP/1.1\r\nContent-Length: 46\r\n" FROM_LAN JSON "\r\n" ACME,
                EVENTS,
        };
        Client *clients[ELEMENTSOF(requests)];
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(requests); i++) {
                clients[i] = client_new(f, LISTENER_PUBLIC);
                client_send(clients[i], requests[i], 10);
        }
        fixture_run(f, 20);
        assert_true(sd_event_exit(f->event, 0) >= 0 && sd_event_loop(f->event) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(requests); i++)
                client_send(clients[i], requests[i] + 10, strlen(requests[i]) - 10);
        f->server = http_server_free(f->server);
        for (size_t i = 0; i < ELEMENTSOF(requests); i++) {
                (void) client_wait(clients[i], NULL);
                assert_has(clients[i]->text, "HTTP/1.1 503 ");
                assert_has(clients[i]->text, "\r\nRetry-After: 5\r\n");
                assert_has(clients[i]->text, "Nothing was begun");
                client_free(clients[i]);
        }
        assert_int_equal(f->manager.counters.http[HTTP_API][5], 2);
}

/* Connections are bounded; those past the limit wait in the kernel until others have gone. */
static void test_many_connections(void **state)
{
        static Client *clients[1200];
        Fixture *f = *state;
        size_t n = 0, answered = 0;

        for (; n < ELEMENTSOF(clients); n++) {
                clients[n] = client_new(f, LISTENER_PUBLIC);
                if (n % 50 == 0)
                        (void) sd_event_run(f->event, 0);
        }
        fixture_run(f, 50);
        /* The other listeners do not notice. */
        assert_int_equal(ask_once(f, LISTENER_LOCAL, "GET", "/healthz", "Host: localhost\r\n", NULL, NULL),
                        200);
        for (size_t i = 0; i < n; i++)
                clients[i] = (answered += !clients[i]->ended, client_free(clients[i]));
        assert_int_equal(answered, n);
        fixture_run(f, 50);
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/api/products", FROM_LAN, NULL, NULL), 200);
}

/* Both ends of all connections are in this process. */
static int raise_file_limit(void **state)
{
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = limit.rlim_max < 8192 ? limit.rlim_max : 8192;
        return setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                with_server(test_events),
                with_server(test_events_settled),
                with_server(test_events_slow_reader),
                with_server(test_events_limit),
                with_server(test_keep_alive),
                with_server(test_client_goes_away),
                with_server(test_late_answer),
                with_server(test_stop),
                with_server(test_stop_before_asked),
                with_server(test_many_connections),
        };

        return cmocka_run_group_tests(tests, raise_file_limit, NULL);
}
