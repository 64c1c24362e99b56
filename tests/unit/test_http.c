/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "core/counters.h"
#include "http/metrics.h"
#include "http/router.h"
#include "http_client.h"

#define ACME "{\"product_id\":\"miniflux\",\"client_name\":\"Acme\"}"

#define ROUTE_ID FROM_LAN "X-Ark-Instance: " FAKE_ID "\r\n"

#define assert_has(text, part)                                                                              \
        do {                                                                                                \
                if (!(text) || !strstr((text), (part)))                                                     \
                        fail_msg("“%s” is not in: %s", (part), strempty(text));                             \
        } while (0)

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

/* ---- Metrics ----------------------------------------------------------------------------------------------- */

static struct json_object *json_of(const char *text)
{
        struct json_object *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json, NULL), 0);
        return json;
}

static void test_metrics_text(void **state)
{
        static const char json[] =
                        "{\"families\":[{\"name\":\"a_total\",\"type\":\"counter\",\"help\":\"Back\\\\slash,"
                        "\\nline \\\"q\\\"\","
                        "\"samples\":[{\"suffix\":\"\",\"labels\":{},\"value\":18446744073709551615},"
                        "{\"suffix\":\"\",\"labels\":{\"x\":\"q\\\"b\\\\n\\n\",\"y\":\"á\"},\"value\":0.1}]}"
                        ","
                        "{\"name\":\"h\",\"type\":\"histogram\",\"help\":\"\",\"samples\":["
                        "{\"suffix\":\"_bucket\",\"labels\":{\"le\":\"+Inf\"},\"value\":3},"
                        "{\"suffix\":\"_sum\",\"labels\":{},\"value\":1764000000.123456},"
                        "{\"suffix\":\"_count\",\"labels\":{},\"value\":0.30000000000000004}]}]}";
        static const char *const bad[] = { "{}", "[]", "{\"families\":[1]}",
                "{\"families\":[{\"name\":\"a\",\"type\":\"b\",\"help\":\"c\"}]}",
                "{\"families\":[{\"name\":\"a\",\"type\":\"b\",\"help\":\"c\",\"samples\":[{}]}]}" };
        _cleanup_json_ struct json_object *metrics = json_of(json);
        _cleanup_free_ char *text = metrics_to_text(metrics);

        assert_string_equal(text, "# HELP a_total Back\\\\slash,\\nline \"q\"\n"
                                  "# TYPE a_total counter\n"
                                  "a_total 18446744073709551615\n"
                                  "a_total{x=\"q\\\"b\\\\n\\n\",y=\"á\"} 0.1\n"
                                  "# HELP h \n"
                                  "# TYPE h histogram\n"
                                  "h_bucket{le=\"+Inf\"} 3\n"
                                  "h_sum 1764000000.123456\n"
                                  "h_count 0.30000000000000004\n");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_json_ struct json_object *o = json_of(bad[i]);

                assert_null(metrics_to_text(o));
        }
        assert_null(metrics_to_text(NULL));
}

static void test_metrics(void **state)
{
        _cleanup_json_ struct json_object *metrics = json_of(
                        "{\"families\":[{\"name\":\"up\",\"type\":\"gauge\",\"help\":\"H.\",\"samples\":["
                        "{\"suffix\":\"\",\"labels\":{},\"value\":1}]}]}");
        _cleanup_json_ struct json_object *nothing = json_of("{}");
        static const ListenerKind operators[] = { LISTENER_ADMIN, LISTENER_LOCAL };
        Fixture *f = *state;

        f->manager.metrics = metrics;
        for (size_t i = 0; i < ELEMENTSOF(operators); i++) {
                _cleanup_free_ char *answer = NULL, *head = NULL;

                assert_int_equal(ask_once(f, operators[i], "GET", "/metrics", "Host: localhost\r\n" AS_ADMIN,
                                                 NULL, &answer),
                                200);
                assert_has(answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
                assert_has(answer, "\r\nCache-Control: no-store\r\n");
                assert_non_null(endswith(answer, "\r\n\r\n# HELP up H.\n# TYPE up gauge\nup 1\n"));
                assert_int_equal(ask_once(f, operators[i], "HEAD", "/metrics",
                                                 "Host: localhost\r\n" AS_ADMIN, NULL, &head),
                                200);
                assert_int_equal(ask_once(f, operators[i], "GET", "/metrics", "Host: localhost\r\n", NULL,
                                                 NULL),
                                401);
        }
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/metrics", FROM_LAN, NULL, NULL), 403);
        assert_int_equal(
                        ask_once(f, LISTENER_PUBLIC, "GET", "/metrics", FROM_LAN AS_ADMIN, NULL, NULL), 403);
        assert_int_equal(ask_once(f, LISTENER_LOCAL, "POST", "/metrics", "Host: localhost\r\n" AS_ADMIN,
                                         NULL, NULL),
                        405);
        /* Before there is a registry, too. */
        f->manager.loaded = false;
        assert_int_equal(ask_once(f, LISTENER_LOCAL, "GET", "/metrics", "Host: localhost\r\n" AS_ADMIN, NULL,
                                         NULL),
                        200);
        /* What cannot be made text is not answered. */
        f->manager.metrics = nothing;
        assert_int_equal(ask_once(f, LISTENER_LOCAL, "GET", "/metrics", "Host: localhost\r\n" AS_ADMIN, NULL,
                                         NULL),
                        -1);
        assert_int_equal(f->manager.counters.http[HTTP_METRICS][0], 1);
}

static void assert_counted(Fixture *f, HttpHandler handler, unsigned class, uint64_t expected)
{
        uint64_t found = f->manager.counters.http[handler][class];

        if (found != expected)
                fail_msg("%llu of handler %d, class %u, not %llu", (unsigned long long) found, (int) handler,
                                class, (unsigned long long) expected);
}

static void test_counted(void **state)
{
        static const struct {
                ListenerKind listener;
                const char *target, *headers;
                int status;
                HttpHandler handler;
        } cases[] = {
                { LISTENER_PUBLIC, "/api/products", FROM_LAN, 200, HTTP_API },
                { LISTENER_PUBLIC, "/api/nothing", FROM_LAN, 404, HTTP_OTHER },
                { LISTENER_PUBLIC, "/api/instances", FROM_LAN, 403, HTTP_API },
                { LISTENER_PUBLIC, "/metrics", FROM_LAN, 403, HTTP_METRICS },
                { LISTENER_LOCAL, "/healthz", "Host: localhost\r\n", 200, HTTP_HEALTH },
                { LISTENER_LOCAL, "/api/instances", "Host: localhost\r\n", 401, HTTP_API },
                { LISTENER_LOCAL, "/healthz", "Host: evil.example\r\n", 421, HTTP_HEALTH },
                { LISTENER_PUBLIC, "/internal/route", ROUTE_ID, 403, HTTP_ROUTE },
                { LISTENER_PUBLIC, "/api/instances/" FAKE_ID "/events", FROM_LAN, 200, HTTP_EVENTS },
        };
        uint64_t counted[_HTTP_HANDLER_MAX][HTTP_CLASS_MAX] = { 0 };
        Fixture *f = *state;

        f->manager.instance.status = INSTANCE_FAILED;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                unsigned class = (unsigned) cases[i].status / 100;

                assert_int_equal(ask_once(f, cases[i].listener, "GET", cases[i].target, cases[i].headers,
                                                 NULL, NULL),
                                cases[i].status);
                assert_counted(f, cases[i].handler, class, ++counted[cases[i].handler][class]);
        }
        assert_int_equal(f->manager.counters.http_denied, 3);
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

/* ---- Bad input --------------------------------------------------------------------------------------------- */

static void test_bad_bodies(void **state)
{
        static const struct {
                const char *body, *says;
        } cases[] = {
                { "", "product_id is missing" },
                { "{", "unexpected end of data" },
                { "nonsense", "not JSON" },
                { "[]", "must be a JSON object" },
                { "\"x\"", "must be a JSON object" },
                { ACME ACME, "unexpected character" },
                { "{\"client_name\":\"Acme\"}", "\"field\":\"product_id\"" },
                { "{\"product_id\":7,\"client_name\":\"Acme\"}", "\"field\":\"product_id\"" },
                { "{\"product_id\":null,\"client_name\":\"Acme\"}", "\"field\":\"product_id\"" },
                { "{\"product_id\":\"a\\u0000b\",\"client_name\":\"Acme\"}", "\"field\":\"product_id\"" },
                { "{\"product_id\":\"a\",\"client_name\":\"Acme\",\"colour\":1}", "\"field\":\"colour\"" },
                { "{\"product_id\":\"a\",\"client_name\":\"A\",\"idempotency_key\":\"k\"}",
                                "\"field\":\"idempotency_key\"" },
                { "{\"product_id\":\"\xff\",\"client_name\":\"Acme\"}", "not JSON" },
                { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "not JSON" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *answer = NULL;
                int status = ask_once(*state, LISTENER_PUBLIC, "POST", "/api/instances", FROM_LAN JSON,
                                cases[i].body, &answer);

                if (status != 400)
                        fail_msg("%s: %d", cases[i].body, status);
                assert_has(answer, cases[i].says);
                assert_has(answer, "\"reason\":");
        }
}

static void test_bad_queries(void **state)
{
        static const struct {
                const char *query;
                int status;
                const char *says;
        } cases[] = {
                { "?limit=5&deep=true&cursor=a%20b", 200,
                                "\"arguments\":{\"limit\":5,\"deep\":true,\"cursor\":\"a b\"}" },
                { "?", 200, "\"arguments\":{}" },
                { "?limit=x", 400, "\"field\":\"limit\"" },
                { "?limit=-1", 400, "\"field\":\"limit\"" },
                { "?limit=", 400, "\"field\":\"limit\"" },
                { "?limit=99999999999999999999", 400, "\"field\":\"limit\"" },
                { "?limit=18446744073709551615", 200, "18446744073709551615" },
                { "?deep=1", 400, "\"field\":\"deep\"" },
                { "?status=a&status=b", 400, "\"field\":\"status\"" },
                { "?colour=red", 400, "\"field\":\"colour\"" },
                { "?status=%ff", 400, "\"field\":\"status\"" },
                { "?status=a%00b", 400, "\"field\":\"status\"" },
                { "?st%00atus=a", 400, "no such query parameter" },
                { "?id=x", 400, "\"field\":\"id\"" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *answer = NULL, *target = str_printf("/api/instances%s", cases[i].query);
                int status = ask_once(*state, LISTENER_LOCAL, "GET", target, "Host: localhost\r\n" AS_ADMIN,
                                NULL, &answer);

                if (status != cases[i].status)
                        fail_msg("%s: %d %s", cases[i].query, status, strempty(answer));
                assert_has(answer, cases[i].says);
        }
}

static void test_content_type_and_origin(void **state)
{
        static const struct {
                const char *headers;
                int status;
        } cases[] = {
                { FROM_LAN JSON, 202 },
                { FROM_LAN, 415 },
                { FROM_LAN "Content-Type: text/plain\r\n", 415 },
                { FROM_LAN "Content-Type: application/jsonp\r\n", 415 },
                { FROM_LAN JSON JSON, 415 },
                { FROM_LAN JSON "Origin: http://localhost:3000\r\n", 202 },
                { FROM_LAN JSON "Origin: https://localhost:3000\r\n", 202 },
                { FROM_LAN JSON "Origin: http://localhost:3001\r\n", 403 },
                { FROM_LAN JSON "Origin: http://evil.example\r\n", 403 },
                { FROM_LAN JSON "Origin: null\r\n", 403 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                int status = ask_once(*state, LISTENER_PUBLIC, "POST", "/api/instances", cases[i].headers,
                                ACME, NULL);

                if (status != cases[i].status)
                        fail_msg("%s: %d", cases[i].headers, status);
        }
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/products",
                                         FROM_LAN "Origin: http://evil.example\r\n", NULL, NULL),
                        200);
        assert_int_equal(ask_once(*state, LISTENER_ADMIN, "DELETE", "/api/instances/" FAKE_ID,
                                         "Host: localhost\r\n" AS_ADMIN "Origin: http://evil.example\r\n",
                                         NULL, NULL),
                        403);
}

static char *repeat(char c, size_t n)
{
        char *s = calloc(1, n + 1);

        assert_non_null(s);
        memset(s, c, n);
        return s;
}

static void test_oversized(void **state)
{
        static const char fits_before[] = "{\"product_id\":\"", fits_after[] = "\",\"client_name\":\"A\"}";
        size_t most = 64 * 1024, n = most - strlen(fits_before) - strlen(fits_after);
        _cleanup_free_ char *filler = repeat('a', n), *exact = NULL, *over = NULL,
                            *huge = repeat(' ', 3000000);
        _cleanup_free_ char *answer = NULL, *second = NULL;

        exact = str_printf("%s%s%s", fits_before, filler, fits_after);
        over = str_printf("%s ", exact);
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "POST", "/api/instances", FROM_LAN JSON, exact,
                                         &answer),
                        400);
        assert_has(answer, "product_id is longer");
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "POST", "/api/instances", FROM_LAN JSON, over,
                                         &second),
                        413);
        assert_has(second, "64 KiB");
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "POST", "/api/instances", FROM_LAN JSON, huge,
                                         NULL),
                        413);
}

static void send_chunks(Client *c, size_t n_chunks)
{
        static const char head[] = "POST /api/instances HTTP/1.1\r\nConnection: close\r\n" FROM_LAN JSON
                                   "Transfer-Encoding: chunked\r\n\r\n";
        _cleanup_free_ char *piece = repeat(' ', 1000), *chunk = str_printf("3e8\r\n%s\r\n", piece);

        client_send(c, head, strlen(head));
        for (size_t i = 0; i < n_chunks; i++)
                client_send(c, chunk, strlen(chunk));
}

static void test_chunked(void **state)
{
        _cleanup_(client_freep) Client *good = client_new(*state, LISTENER_PUBLIC),
                                       *over = client_new(*state, LISTENER_PUBLIC),
                                       *endless = client_new(*state, LISTENER_PUBLIC);
        _cleanup_free_ char *last = str_printf("%zx\r\n%s\r\n0\r\n\r\n", strlen(ACME), ACME);

        send_chunks(good, 3);
        client_send(good, last, strlen(last));
        assert_true(client_wait(good, "HTTP/1.1 202 "));
        send_chunks(over, 70);
        client_send(over, last, strlen(last));
        assert_true(client_wait(over, "HTTP/1.1 413 "));
        /* Nobody gets to send for ever. */
        send_chunks(endless, 2000);
        assert_false(client_wait(endless, "HTTP/1.1 "));
        assert_true(endless->ended);
}

static void test_ambiguous_framing(void **state)
{
        static const char *const heads[] = {
                "Content-Length: 3\r\nContent-Length: 5\r\n",
                "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                "Transfer-Encoding: gzip\r\n",
                "Content-Length: -1\r\n",
                "Content-Length: 3x\r\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(heads); i++) {
                _cleanup_free_ char *headers = str_printf(FROM_LAN JSON "%s", heads[i]);
                int status = ask_once(
                                *state, LISTENER_PUBLIC, "POST", "/api/instances", headers, NULL, NULL);

                if (status != 400 && status != 413 && status != -1)
                        fail_msg("%s: %d", heads[i], status);
        }
}

static void test_broken_requests(void **state)
{
        static const char *const requests[] = {
                "\r\n\r\n\r\n\r\n",
                "GET\r\n\r\n",
                "GET /api/products\r\n\r\n",
                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                "GET /api/products HTTP/1.1\r\nConnection: close\r\n\r\n",
                "GET /api/products HTTP/1.1\r\nHost localhost\r\nConnection: close\r\n\r\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(requests); i++) {
                _cleanup_(client_freep) Client *c = client_new(*state, LISTENER_PUBLIC);

                client_send(c, requests[i], strlen(requests[i]));
                fixture_run(*state, 20);
                assert_null(c->text && strstr(c->text, " 200 ") ? c->text : NULL);
        }
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/products", FROM_LAN, NULL, NULL),
                        200);
}

static void test_long_head(void **state)
{
        _cleanup_free_ char *text = repeat('a', 100000), *headers = NULL, *target = NULL;
        int status;

        headers = str_printf(FROM_LAN "X-Long: %s\r\n", text);
        target = str_printf("/api/instances/%s", text);
        status = ask_once(*state, LISTENER_PUBLIC, "GET", "/api/products", headers, NULL, NULL);
        assert_true(status == 431 || status == 413 || status == -1);
        status = ask_once(*state, LISTENER_PUBLIC, "GET", target, FROM_LAN, NULL, NULL);
        assert_true(status == 414 || status == 404 || status == -1);
}

/* ---- Who calls --------------------------------------------------------------------------------------------- */

static void test_public(void **state)
{
        static const struct {
                const char *headers;
                int status;
        } cases[] = {
                { FROM_LAN, 200 },
                { "Host: localhost\r\n" BY_PROXY("127.0.0.1"), 200 },
                { "Host: localhost\r\n" BY_PROXY("::ffff:127.0.0.1"), 200 },
                { "Host: localhost\r\n" BY_PROXY("fd7a:115c:a1e0::5"), 200 },
                { "Host: localhost\r\n" BY_PROXY("8.8.8.8"), 403 },
                { "Host: localhost\r\n" BY_PROXY("2001:db8::1"), 403 },
                { "Host: localhost\r\n" BY_PROXY("10.231.0.20"), 403 },
                { "Host: localhost\r\n" BY_PROXY("unix:"), 403 },
                { "Host: localhost\r\n", 403 },
                { "Host: localhost\r\nX-Ark-Proxy-Key: wrong\r\nX-Ark-Peer-Address: 127.0.0.1\r\n"
                  "X-Ark-Peer-Port: 1\r\n",
                                403 },
                { "Host: localhost\r\nX-Ark-Proxy-Key: " PROXY_KEY "\r\n", 403 },
                { FROM_LAN "X-Ark-Peer-Address: 127.0.0.1\r\n", 403 },
                { FROM_LAN "X-Ark-Proxy-Key: " PROXY_KEY "\r\n", 403 },
                { "Host: localhost\r\n" AS_ADMIN, 403 },
                { FROM_LAN AS_ADMIN, 200 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                int status = ask_once(*state, LISTENER_PUBLIC, "GET", "/api/products", cases[i].headers,
                                NULL, NULL);

                if (status != cases[i].status)
                        fail_msg("%s: %d", cases[i].headers, status);
        }
}

/* Every verb that has a path, over every listener, with and without the token. */
static void test_verbs(void **state)
{
        static const ListenerKind kinds[] = { LISTENER_PUBLIC, LISTENER_ADMIN, LISTENER_LOCAL };

        for (const Action *a = action_table; a->name; a++)
                for (size_t i = 0; i < ELEMENTSOF(kinds) * 2; i++) {
                        ListenerKind kind = kinds[i / 2];
                        bool token = i % 2;
                        _cleanup_free_ char *headers = NULL, *target = NULL;
                        int status;

                        if (!a->http_method || streq(a->name, "Forever") || streq(a->name, "Fault"))
                                continue;
                        headers = str_printf("%s%s" JSON, FROM_LAN, token ? AS_ADMIN : "");
                        target = str_replace(a->http_path, "{id}", FAKE_ID);
                        status = ask_once(*state, kind, a->http_method, target, headers, NULL, NULL);
                        if (kind != LISTENER_PUBLIC && !token)
                                assert_int_equal(status, 401);
                        else if (kind == LISTENER_PUBLIC && a->role != ROLE_VISITOR)
                                assert_int_equal(status, 403);
                        else if (kind == LISTENER_PUBLIC && streq(a->name, "GetAccess"))
                                assert_int_equal(status, 401);
                        else
                                assert_true(status == 400 || status == a->http_status);
                }
}

static void test_tokens(void **state)
{
        static const char *const wrong[] = {
                "Authorization: Bearer wrong\r\n",
                "Authorization: Bearer\r\n",
                "Authorization: Basic " ADMIN_TOKEN "\r\n",
                "Authorization: " ADMIN_TOKEN "\r\n",
                AS_ADMIN AS_ADMIN,
                "Authorization: Bearer " ADMIN_TOKEN "x\r\n",
        };
        _cleanup_free_ char *answer = NULL;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_free_ char *headers = str_printf("Host: localhost\r\n%s", wrong[i]);

                assert_int_equal(ask_once(*state, LISTENER_LOCAL, "GET", "/api/products", headers, NULL,
                                                 NULL),
                                401);
        }
        assert_int_equal(ask_once(*state, LISTENER_LOCAL, "GET", "/api/products",
                                         "Host: localhost\r\nauthorization: bearer  " ADMIN_TOKEN "\r\n",
                                         NULL, &answer),
                        200);
        assert_has(answer, "\"identity\":\"token\",\"unlimited\":true");
}

static void test_access(void **state)
{
        _cleanup_free_ char *visitor = NULL, *operator_answer = NULL;

        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/instances/" FAKE_ID "/access",
                                         FROM_LAN, NULL, NULL),
                        401);
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/instances/" FAKE_ID "/access",
                                         FROM_LAN "Authorization: Bearer other\r\n", NULL, NULL),
                        401);
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/instances/" FAKE_ID "/access",
                                         FROM_LAN "Authorization: Bearer its-token\r\n", NULL, &visitor),
                        200);
        assert_has(visitor, "\"access_token\":\"its-token\"");
        /* The admin's own token goes no further than the gate. */
        assert_int_equal(ask_once(*state, LISTENER_ADMIN, "GET", "/api/instances/" FAKE_ID "/access",
                                         FROM_LAN AS_ADMIN, NULL, &operator_answer),
                        200);
        assert_null(strstr(operator_answer, ADMIN_TOKEN));
}

static void test_host(void **state)
{
        static const struct {
                const char *host;
                int status;
        } cases[] = {
                { "localhost", 200 },
                { "LOCALHOST:3000", 200 },
                { "192.168.1.2:3000", 200 },
                { "[fd7a:115c:a1e0::5]:3000", 200 },
                { "deploy.example.com", 200 },
                { "ark.tail1234.ts.net:3000", 200 },
                { "evil.example", 421 },
                { "localhost.evil.example", 421 },
                { "localhost:99999", 421 },
                { "localhost:x", 421 },
                { "user@localhost", 421 },
                { "[::1", 421 },
                { "", 421 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *headers =
                                str_printf("Host: %s\r\n" BY_PROXY("192.168.7.9"), cases[i].host);
                int status = ask_once(*state, LISTENER_PUBLIC, "GET", "/api/products", headers, NULL, NULL);

                if (status != cases[i].status)
                        fail_msg("%s: %d", cases[i].host, status);
        }
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/products", FROM_LAN "Host: evil\r\n",
                                         NULL, NULL),
                        421);
}

/* ---- Where an instance is ---------------------------------------------------------------------------------- */

static void test_instance_route(void **state)
{
        static char upstream[] = "10.231.0.7:80";
        _cleanup_free_ char *running = NULL, *failed = NULL, *unknown = NULL, *pending = NULL;
        Fixture *f = *state;

        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &pending),
                        403);
        assert_has(pending, "\r\nX-Ark-State: pending\r\n");
        f->manager.instance.status = INSTANCE_RUNNING;
        f->manager.instance.upstream = upstream;
        f->manager.instance.prefix = PREFIX_KEEP;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &running),
                        204);
        assert_has(running, "\r\nX-Ark-Upstream: 10.231.0.7:80\r\n");
        assert_has(running, "\r\nX-Ark-Prefix: keep\r\n");
        /* One that ran and broke keeps its address; one that never ran has none. */
        f->manager.instance.status = INSTANCE_FAILED;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, NULL), 204);
        f->manager.instance.upstream = NULL;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &failed),
                        403);
        assert_has(failed, "\r\nX-Ark-State: failed\r\n");
        assert_null(strstr(failed, "X-Ark-Upstream"));
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route",
                                         FROM_LAN "X-Ark-Instance: client_000000000000\r\n", NULL, &unknown),
                        403);
        assert_has(unknown, "\r\nX-Ark-State: unknown\r\n");
        f->manager.loaded = false;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, NULL), 503);
}

static void test_instance_route_is_internal(void **state)
{
        Fixture *f = *state;

        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route",
                                         "Host: localhost\r\nX-Ark-Instance: " FAKE_ID "\r\n", NULL, NULL),
                        404);
        assert_int_equal(
                        ask_once(f, LISTENER_ADMIN, "GET", "/internal/route", ROUTE_ID AS_ADMIN, NULL, NULL),
                        404);
        assert_int_equal(
                        ask_once(f, LISTENER_LOCAL, "GET", "/internal/route", ROUTE_ID AS_ADMIN, NULL, NULL),
                        404);
}

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

#define with_server(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_router),
                cmocka_unit_test(test_metrics_text),
                with_server(test_metrics),
                with_server(test_counted),
                with_server(test_unknown_paths),
                with_server(test_common_headers),
                with_server(test_head),
                with_server(test_create),
                with_server(test_products),
                with_server(test_faults),
                with_server(test_store_away),
                with_server(test_big_answer),
                with_server(test_bad_bodies),
                with_server(test_bad_queries),
                with_server(test_content_type_and_origin),
                with_server(test_oversized),
                with_server(test_chunked),
                with_server(test_ambiguous_framing),
                with_server(test_broken_requests),
                with_server(test_long_head),
                with_server(test_public),
                with_server(test_verbs),
                with_server(test_tokens),
                with_server(test_access),
                with_server(test_host),
                with_server(test_instance_route),
                with_server(test_instance_route_is_internal),
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
