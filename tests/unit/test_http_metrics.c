/* SPDX-License-Identifier: MIT */
#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/registry/counters.h"
#include "http/metrics.h"
#include "http_test.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_metrics_text),
                with_server(test_metrics),
                with_server(test_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
