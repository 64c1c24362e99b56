/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "http/router.h"
#include "http_test.h"

/* ---- Routes ------------------------------------------------------------------------------------------------ */

static void test_router(void **state)
{
        static const char *const unknown[] = {
                "",
                "/",
                "api/products",
                "/api",
                "/api/",
                "/api/products/",
                "/api//products",
                "/api/products/a/b",
                "/api/products/../instances",
                "/api/instances/a..b",
                "/api/instances/..",
                "/api/products/a%2fb",
                "/api/products/a%2Fb",
                "/api/products/%2e%2e",
                "/api/products/a%5cb",
                "/api/products/a\\b",
                "/api/products/%61",
                "/%61pi/products",
                "/API/products",
                "/healthz/",
                "*",
                "http://localhost/api/products",
        };
        static char allow[ROUTE_ALLOW_MAX];
        _cleanup_(router_freep) Router *router = NULL;
        RouteMatch match;

        assert_int_equal(router_new(&router), 0);
        assert_int_equal(router_match(router, "GET", "/api/instances/client_x/access?a=/b/..", &match), 0);
        assert_string_equal(match.route->action->name, "GetAccess");
        assert_int_equal(match.n_parameters, 1);
        assert_int_equal(match.parameters[0].n_value, strlen("client_x"));
        assert_memory_equal(match.parameters[0].value, "client_x", strlen("client_x"));
        assert_int_equal(router_match(router, "HEAD", "/api/instances/x/events", &match), 0);
        assert_int_equal(match.route->kind, ROUTE_EVENTS);
        assert_int_equal(router_match(router, "POST", "/api/instances/x", &match), -EOPNOTSUPP);
        assert_int_equal(router_match(router, "get", "/api/products", &match), -EOPNOTSUPP);
        router_allow(router, "/api/instances/x", allow);
        assert_string_equal(allow, "GET, HEAD, DELETE");
        for (size_t i = 0; i < ELEMENTSOF(unknown); i++)
                if (router_match(router, "GET", unknown[i], &match) != -ENOENT)
                        fail_msg("“%s” was found", unknown[i]);
}

static void test_unknown_paths(void **state)
{
        _cleanup_free_ char *answer = NULL;

        assert_int_equal(
                        ask_once(*state, LISTENER_PUBLIC, "GET", "/api/nothing", FROM_LAN, NULL, NULL), 404);
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/instances/a%2f..%2fb", FROM_LAN,
                                         NULL, NULL),
                        404);
        assert_int_equal(
                        ask_once(*state, LISTENER_PUBLIC, "GET", "/api/x/../products", FROM_LAN, NULL, NULL),
                        404);
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "OPTIONS", "/api/products", FROM_LAN, NULL,
                                         &answer),
                        405);
        assert_has(answer, "\r\nAllow: GET, HEAD, POST\r\n");
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "AVERYLONGMETHODNAME", "/api/products", FROM_LAN,
                                         NULL, NULL),
                        405);
}

/* ---- Answers ----------------------------------------------------------------------------------------------- */

static void test_common_headers(void **state)
{
        static const char *const targets[] = { "/api/products", "/api/nothing", "/healthz",
                "/api/instances/" FAKE_ID "/events" };
        Fixture *f = *state;

        f->manager.instance.status = INSTANCE_RUNNING;
        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                _cleanup_free_ char *answer = NULL;

                (void) ask_once(f, LISTENER_PUBLIC, "GET", targets[i], FROM_LAN, NULL, &answer);
                assert_has(answer, "\r\nContent-Security-Policy: default-src 'none'; frame-ancestors "
                                   "'none'\r\n");
                assert_has(answer, "\r\nX-Content-Type-Options: nosniff\r\n");
                assert_has(answer, "\r\nCache-Control: no-store\r\n");
                assert_has(answer, "\r\nReferrer-Policy: no-referrer\r\n");
        }
}

static void test_head(void **state)
{
        static const char *const targets[] = { "/api/products", "/healthz",
                "/api/instances/" FAKE_ID "/events" };

        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                _cleanup_free_ char *answer = NULL;

                assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "HEAD", targets[i], FROM_LAN, NULL,
                                                 &answer),
                                200);
                assert_non_null(endswith(answer, "\r\n\r\n"));
        }
}

static void test_create(void **state)
{
        _cleanup_free_ char *answer = NULL, *warm = NULL;

        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "POST", "/api/instances",
                                         FROM_LAN JSON "Idempotency-Key: k1\r\n", ACME, &answer),
                        202);
        assert_has(answer, "\r\nLocation: /api/instances/new-one\r\n");
        assert_has(answer, "\"product_id\":\"miniflux\"");
        assert_has(answer, "\"idempotency_key\":\"k1\"");
        assert_has(answer, "\"identity\":\"addr:192.168.7.9\",\"unlimited\":false");
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "POST", "/api/instances", FROM_LAN JSON,
                                         "{\"product_id\":\"a\",\"client_name\":\"warm\"}", &warm),
                        201);
}

static void test_products(void **state)
{
        _cleanup_free_ char *answer = NULL, *put = NULL;

        assert_int_equal(ask_once(*state, LISTENER_ADMIN, "POST", "/api/products",
                                         "Host: [::1]\r\n" AS_ADMIN JSON, "{\"id\":\"x\"}", &answer),
                        201);
        assert_has(answer, "\r\nLocation: /api/products/new-one\r\n");
        assert_has(answer, "\"product\":{\"id\":\"x\"}");
        assert_int_equal(ask_once(*state, LISTENER_LOCAL, "PUT", "/api/products/x",
                                         "Host: 127.0.0.1:5050\r\n" AS_ADMIN
                                         "Content-Type: Application/JSON; charset=utf-8\r\n",
                                         "{\"name\":\"y\"}", &put),
                        200);
        assert_has(put, "\"arguments\":{\"id\":\"x\",\"product\":{\"name\":\"y\"}}");
        assert_null(strstr(put, "Location"));
}

static void test_faults(void **state)
{
        static const struct {
                Fault fault;
                int status;
        } cases[] = {
                { FAULT_INVALID_ARGUMENT, 400 },
                { FAULT_UNAUTHENTICATED, 401 },
                { FAULT_ACCESS_DENIED, 403 },
                { FAULT_NO_SUCH_PRODUCT, 404 },
                { FAULT_NO_SUCH_INSTANCE, 404 },
                { FAULT_IN_USE, 409 },
                { FAULT_CONFLICT, 409 },
                { FAULT_QUOTA_EXCEEDED, 429 },
                { FAULT_ENGINE_UNAVAILABLE, 503 },
                { FAULT_STORE_UNAVAILABLE, 503 },
                { FAULT_QUEUE_FULL, 503 },
                { FAULT_FAILED, 500 },
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *answer = NULL;

                f->manager.fault = cases[i].fault;
                assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/api/fault", FROM_LAN, NULL, &answer),
                                cases[i].status);
                assert_has(answer, "\r\nContent-Type: application/problem+json\r\n");
                assert_has(answer, "\"detail\":\"It went wrong\"");
                if (cases[i].status == 503 || cases[i].status == 429)
                        assert_has(answer, "\r\nRetry-After: ");
                if (cases[i].status == 401)
                        assert_has(answer, "\r\nWWW-Authenticate: Bearer\r\n");
        }
}

static void test_store_away(void **state)
{
        _cleanup_free_ char *answer = NULL, *health = NULL;
        Fixture *f = *state;

        f->manager.loaded = f->manager.store_connected = false;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/api/products", FROM_LAN, NULL, &answer), 503);
        assert_has(answer, "\r\nRetry-After: ");
        assert_int_equal(
                        ask_once(f, LISTENER_LOCAL, "GET", "/healthz", "Host: localhost\r\n", NULL, &health),
                        200);
        assert_has(health, "\"status\":\"degraded\"");
        assert_has(health, "\"engine\":{\"connected\":true},\"store\":{\"connected\":false}");
}

static void test_big_answer(void **state)
{
        _cleanup_free_ char *answer = NULL;

        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/big", FROM_LAN, NULL, &answer), 200);
        assert_true(strlen(answer) > 4 * 1024 * 1024);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_router),
                with_server(test_unknown_paths),
                with_server(test_common_headers),
                with_server(test_head),
                with_server(test_create),
                with_server(test_products),
                with_server(test_faults),
                with_server(test_store_away),
                with_server(test_big_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
