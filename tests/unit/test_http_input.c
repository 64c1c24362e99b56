/* SPDX-License-Identifier: MIT */
#include "http_test.h"

static void test_bad_bodies(void **state)
{
        static const struct {
                const char *body, *says;
        } cases[] = {
                { "", "product_id is missing" },
                { "{", "it ends too early" },
                { "nonsense", "not JSON" },
                { "{\"product_id\":\"a\",\n\"client_name\" \"b\"}", "line 2, column 15" },
                { "{\"client_name\":\"a\",\"client_name\":\"b\"}", "“client_name” is there twice" },
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                with_server(test_bad_bodies),
                with_server(test_bad_queries),
                with_server(test_content_type_and_origin),
                with_server(test_oversized),
                with_server(test_chunked),
                with_server(test_ambiguous_framing),
                with_server(test_broken_requests),
                with_server(test_long_head),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
