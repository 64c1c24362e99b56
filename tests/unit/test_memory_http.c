/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/string-util.h"
#include "core/model/instance.h"
#include "core/verbs/request.h"
#include "http/server-internal.h"
#include "http_client.h"
#include "starve.h"

/* Every allocation that a request costs fails once: its client gets the whole answer, an error or the end of the
 * connection, and the next client the answer. */

#define ACME "{\"product_id\":\"shop\",\"client_name\":\"Acme\"}"
/* No request allocates as often. */
#define ROUNDS_MAX 2000

static const char metrics[] =
                "{\"families\":[{\"name\":\"ark_up\",\"type\":\"gauge\",\"help\":\"Up.\",\"samples\":["
                "{\"suffix\":\"\",\"labels\":{\"kind\":\"a\"},\"value\":1},"
                "{\"suffix\":\"\",\"labels\":{},\"value\":0.5}]}]}";

static const struct {
        ListenerKind listener;
        const char *method, *target, *headers, *body;
        int status;
} calls[] = {
        { LISTENER_PUBLIC, "GET", "/api/products", FROM_LAN, NULL, 200 },
        { LISTENER_PUBLIC, "GET", "/api/products/shop", FROM_LAN, NULL, 200 },
        { LISTENER_LOCAL, "POST", "/api/products", AS_ADMIN "Host: localhost\r\n" JSON, "{\"id\":\"a\"}",
                        201 },
        { LISTENER_LOCAL, "PUT", "/api/products/a", AS_ADMIN "Host: localhost\r\n" JSON, "{\"id\":\"a\"}",
                        200 },
        { LISTENER_PUBLIC, "POST", "/api/instances", FROM_LAN JSON "Idempotency-Key: k\r\n", ACME, 202 },
        { LISTENER_LOCAL, "GET", "/api/instances?status=running&limit=5&deep=true",
                        AS_ADMIN "Host: localhost\r\n", NULL, 200 },
        { LISTENER_PUBLIC, "GET", "/api/instances/" FAKE_ID, FROM_LAN, NULL, 200 },
        { LISTENER_PUBLIC, "GET", "/api/instances/" FAKE_ID "/access",
                        FROM_LAN "Authorization: Bearer its-token\r\n", NULL, 200 },
        { LISTENER_ADMIN, "DELETE", "/api/instances/" FAKE_ID, FROM_LAN AS_ADMIN, NULL, 200 },
        { LISTENER_LOCAL, "GET", "/metrics", AS_ADMIN "Host: localhost\r\n", NULL, 200 },
        { LISTENER_PUBLIC, "GET", "/healthz", FROM_LAN, NULL, 200 },
        { LISTENER_PUBLIC, "GET", "/api/openapi.json", FROM_LAN, NULL, 200 },
        { LISTENER_PUBLIC, "GET", "/internal/route", FROM_LAN "X-Ark-Instance: " FAKE_ID "\r\n", NULL, 204 },
        { LISTENER_PUBLIC, "GET", "/internal/route", FROM_LAN "X-Ark-Instance: other\r\n", NULL, 403 },
        /* Refusals. */
        { LISTENER_PUBLIC, "GET", "/api/instances", FROM_LAN, NULL, 403 },
        { LISTENER_PUBLIC, "GET", "/api/nothing", FROM_LAN, NULL, 404 },
        { LISTENER_PUBLIC, "PATCH", "/api/products", FROM_LAN, NULL, 405 },
        { LISTENER_PUBLIC, "GET", "/api/products?colour=red", FROM_LAN, NULL, 400 },
        { LISTENER_PUBLIC, "POST", "/api/instances", FROM_LAN JSON, "{\"client_name\":", 400 },
        { LISTENER_PUBLIC, "GET", "/api/fault", FROM_LAN, NULL, 503 },
        { LISTENER_LOCAL, "GET", "/metrics", "Host: localhost\r\n", NULL, 401 },
        { LISTENER_LOCAL, "GET", "/metrics", AS_ADMIN "Host: elsewhere\r\n", NULL, 421 },
};

static int setup(void **state)
{
        static char upstream[] = "10.231.0.7:80";
        struct json_object *document = NULL;
        Fixture *f;

        log_set_max_level(LOG_EMERG);
        (void) fixture_setup(state);
        f = *state;
        f->manager.fault = FAULT_STORE_UNAVAILABLE;
        f->manager.instance.upstream = upstream;
        f->manager.instance.status = INSTANCE_RUNNING;
        assert_int_equal(json_parse(metrics, strlen(metrics), &document, NULL), 0);
        f->manager.metrics = document;
        return 0;
}

static int teardown(void **state)
{
        Fixture *f = *state;
        struct json_object *document = f->manager.metrics;

        (void) fixture_teardown(state);
        json_object_put(document);
        return 0;
}

/* The time of day is another. */
static void drop_date(char *text)
{
        char *date = text ? strstr(text, "\r\nDate: ") : NULL;
        char *end = date ? strstr(date + 2, "\r\n") : NULL;

        if (end)
                memmove(date, end, strlen(end) + 1);
}

static int call(Fixture *f, size_t i, char **ret_answer)
{
        int status = ask_once(f, calls[i].listener, calls[i].method, calls[i].target, calls[i].headers,
                        calls[i].body, ret_answer);

        drop_date(*ret_answer);
        return status;
}

static void assert_nothing_is_left(Fixture *f)
{
        fixture_run(f, 1);
        assert_true(LIST_EMPTY(&f->server->calls));
        assert_int_equal(f->server->n_streams, 0);
        assert_int_equal(f->manager.n_waiting, 0);
}

static void try_call(Fixture *f, size_t i)
{
        _cleanup_free_ char *right = NULL;
        size_t n = 1, whole = 0;

        assert_int_equal(call(f, i, &right), calls[i].status);
        for (; n < ROUNDS_MAX; n++) {
                _cleanup_free_ char *starved = NULL, *next = NULL;
                int status;

                starve_at(n);
                status = call(f, i, &starved);
                if (!starve_end())
                        break;
                if (starved && status < 500) {
                        whole++;
                        if (!streq(starved, right))
                                fail_msg("%s %s, allocation %zu (%s): %s", calls[i].method, calls[i].target,
                                                n, starve_what(), starved);
                }
                assert_int_equal(call(f, i, &next), calls[i].status);
                assert_string_equal(next, right);
        }
        assert_in_range(n, 3, ROUNDS_MAX - 1);
        assert_true(whole < n - 1); /* some did matter */
        print_message("%s %s: %zu allocations, %zu of no consequence\n", calls[i].method, calls[i].target,
                        n - 1, whole);
        assert_nothing_is_left(f);
}

static void test_calls(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(calls); i++)
                try_call(*state, i);
}

#define EVENTS "GET /api/instances/" FAKE_ID "/events HTTP/1.1\r\nConnection: close\r\n" FROM_LAN "\r\n"

/* Follows the instance until it runs. True where the end of the story has come. */
static bool follow(Fixture *f)
{
        _cleanup_(client_freep) Client *c = client_new(f, LISTENER_PUBLIC);

        f->manager.instance.status = INSTANCE_PENDING;
        client_send(c, EVENTS, strlen(EVENTS));
        if (client_wait(c, "\r\n\r\n")) {
                INSIDE;

                fake_manager_changed(&f->manager, INSTANCE_RUNNING, PHASE_READY);
        }
        (void) client_wait(c, NULL);
        assert_true(c->ended); /* in bounded time */
        return c->text && strstr(c->text, "\"running\"");
}

static void test_events(void **state)
{
        size_t n = 1, told = 0;
        Fixture *f = *state;

        for (; n < ROUNDS_MAX; n++) {
                bool whole;

                starve_at(n);
                whole = follow(f);
                if (!starve_end())
                        break;
                told += whole;
                assert_true(follow(f));
        }
        assert_in_range(n, 3, ROUNDS_MAX - 1);
        print_message("Events: %zu allocations, %zu of no consequence\n", n - 1, told);
        assert_nothing_is_left(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_calls, setup, teardown),
                cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
