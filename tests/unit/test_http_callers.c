/* SPDX-License-Identifier: MIT */
#include "auth/attempts.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/verbs/request.h"
#include "core/verbs/table.h"
#include "core/verbs/verb.h"
#include "http_test.h"

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
                { "Host: localhost\r\n" BY_PROXY("127.0.0.1") "X-Ark-Client-Address: 10.1.2.3\r\n", 200 },
                { "Host: localhost\r\n" BY_PROXY("127.0.0.1") "X-Ark-Client-Address: 8.8.8.8\r\n", 403 },
                { "Host: localhost\r\n" BY_PROXY("127.0.0.1") "X-Ark-Client-Address: nobody\r\n", 403 },
                { FROM_LAN "X-Ark-Client-Address: 10.1.2.3\r\n", 403 },
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

/* Ten wrong ones from an address, and none from there is looked at: not the right one either. */
static void test_too_many_wrong_tokens(void **state)
{
        static const char path[] = "/api/instances/" FAKE_ID "/access";
        _cleanup_free_ char *answer = NULL;
        Fixture *f = *state;

        for (unsigned i = 0; i < ATTEMPTS_MAX; i++)
                assert_int_equal(ask_once(f, LISTENER_ADMIN, "GET", "/api/products",
                                                 FROM_LAN "Authorization: Bearer wrong\r\n", NULL, NULL),
                                401);
        assert_int_equal(ask_once(f, LISTENER_ADMIN, "GET", "/api/products", FROM_LAN AS_ADMIN, NULL,
                                         &answer),
                        429);
        assert_has(answer, "\r\nRetry-After: ");
        assert_int_equal(
                        ask_once(f, LISTENER_ADMIN, "GET", "/api/products",
                                        "Host: localhost\r\n" BY_PROXY("192.168.7.10") AS_ADMIN, NULL, NULL),
                        200);
        /* An address that a proxy tells is another one. */
        assert_int_equal(ask_once(f, LISTENER_ADMIN, "GET", "/api/products",
                                         "Host: localhost\r\n" BY_PROXY("127.0.0.1") AS_ADMIN
                                         "X-Ark-Client-Address: 192.168.7.9\r\n",
                                         NULL, NULL),
                        429);
        assert_int_equal(ask_once(f, LISTENER_ADMIN, "GET", "/api/products",
                                         "Host: localhost\r\n" BY_PROXY("127.0.0.1") AS_ADMIN, NULL, NULL),
                        200);
        /* Neither is what visitors do held up, nor a customer's token on the visitors' port. */
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", path,
                                         FROM_LAN "Authorization: Bearer its-token\r\n", NULL, NULL),
                        200);
        for (unsigned i = 0; i < ATTEMPTS_MAX; i++)
                assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", path,
                                                 FROM_LAN "Authorization: Bearer other\r\n", NULL, NULL),
                                401);
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", path,
                                         FROM_LAN "Authorization: Bearer other\r\n", NULL, NULL),
                        429);
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/api/products", FROM_LAN, NULL, NULL), 200);
}

/* This host, and whoever sends no token: neither locks root out. */
static void test_this_host_is_not_locked_out(void **state)
{
        Fixture *f = *state;

        for (unsigned i = 0; i < 2 * ATTEMPTS_MAX; i++) {
                assert_int_equal(ask_once(f, LISTENER_LOCAL, "GET", "/api/products",
                                                 "Host: localhost\r\nAuthorization: Bearer wrong\r\n", NULL,
                                                 NULL),
                                401);
                assert_int_equal(ask_once(f, LISTENER_ADMIN, "GET", "/api/products",
                                                 FROM_LAN "Authorization: Basic eDp5\r\n", NULL, NULL),
                                401);
        }
        assert_int_equal(ask_once(f, LISTENER_LOCAL, "GET", "/api/products", "Host: localhost\r\n" AS_ADMIN,
                                         NULL, NULL),
                        200);
        assert_int_equal(ask_once(f, LISTENER_ADMIN, "GET", "/api/products", FROM_LAN AS_ADMIN, NULL, NULL),
                        200);
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
        static char upstream[] = "10.231.0.7:80", link[] = "http://h:3000/instances/" FAKE_ID "/";
        _cleanup_free_ char *running = NULL, *failed = NULL, *unknown = NULL, *pending = NULL;
        Fixture *f = *state;

        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &pending),
                        403);
        assert_has(pending, "\r\nX-Ark-State: pending\r\n");
        f->manager.instance.status = INSTANCE_RUNNING;
        f->manager.instance.upstream = upstream;
        f->manager.instance.prefix = PREFIX_KEEP;
        f->manager.instance.access_url = link;
        f->manager.applications.port = 3002;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &running),
                        204);
        assert_has(running, "\r\nX-Ark-Upstream: 10.231.0.7:80\r\n");
        assert_has(running, "\r\nX-Ark-Prefix: keep\r\n");
        assert_has(running, "\r\nX-Ark-Place: here\r\n");
        assert_null(strstr(running, "X-Ark-Applications"));
        assert_null(strstr(running, "X-Ark-Bodies"));
        f->manager.instance.product = &(Product){ .whole_bodies = true };
        running = mfree(running);
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &running),
                        204);
        assert_has(running, "\r\nX-Ark-Bodies: whole\r\n");
        f->manager.instance.product = NULL;
        /* One that ran and broke keeps its address; one that never ran has none. */
        f->manager.instance.status = INSTANCE_FAILED;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, NULL), 204);
        f->manager.instance.status = INSTANCE_NEWER;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, NULL), 204);
        f->manager.instance.status = INSTANCE_FAILED;
        f->manager.instance.access_url = NULL;
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

/* nginx asks about names that arkd.conf does not have, and gets the same answer about an instance. */
static void test_names(void **state)
{
        static const struct {
                const char *host;
                int status;
        } cases[] = { { "localhost:3000", 204 }, { "ark.tail1234.ts.net", 204 }, { "evil.example", 403 } };
        static char upstream[] = "10.231.0.7:80";
        Fixture *f = *state;

        f->manager.instance.status = INSTANCE_RUNNING;
        f->manager.instance.upstream = upstream;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *answer = NULL;
                _cleanup_free_ char *headers = str_printf(
                                "Host: %s\r\n" BY_PROXY("192.168.7.9") "X-Ark-Instance: " FAKE_ID "\r\n",
                                cases[i].host);

                assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/host", headers, NULL, NULL),
                                cases[i].status);
                assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", headers, NULL,
                                                 &answer),
                                cases[i].status);
                assert_int_equal(strstr(answer, "X-Ark-State: misdirected") != NULL, cases[i].status == 403);
                assert_int_equal(strstr(answer, upstream) != NULL, cases[i].status == 204);
        }
}

static void test_instance_route_to_applications(void **state)
{
        static char upstream[] = "10.231.0.7:80", link[] = "http://h:3000/instances/" FAKE_ID "/",
                    told[] = "http://h:3002/instances/" FAKE_ID "/", url[] = "https://apps.example";
        _cleanup_free_ char *by_port = NULL, *by_url = NULL, *shared = NULL;
        Fixture *f = *state;
        Instance *i = &f->manager.instance;

        *i = (Instance){ .id = i->id,
                .product_id = i->product_id,
                .client_name = i->client_name,
                .status = INSTANCE_RUNNING,
                .upstream = upstream,
                .access_url = link,
                .public_url = told };
        f->manager.applications.port = 3002;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &by_port),
                        204);
        assert_has(by_port, "\r\nX-Ark-Place: applications\r\n");
        assert_has(by_port, "\r\nX-Ark-Applications: 3002\r\n");
        f->manager.applications.url = url;
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &by_url),
                        204);
        assert_has(by_url, "\r\nX-Ark-Place: applications\r\n");
        assert_has(by_url, "\r\nX-Ark-Applications: https://apps.example\r\n");
        f->manager.applications = (ApplicationsAddress){ .port = 3000 };
        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/route", ROUTE_ID, NULL, &shared),
                        204);
        assert_has(shared, "\r\nX-Ark-Place: shared\r\n");
        assert_null(strstr(shared, "X-Ark-Applications"));
}

static void test_instance_route_is_internal(void **state)
{
        Fixture *f = *state;

        assert_int_equal(ask_once(f, LISTENER_PUBLIC, "GET", "/internal/host", "Host: localhost\r\n", NULL,
                                         NULL),
                        404);
        assert_int_equal(ask_once(f, LISTENER_ADMIN, "GET", "/internal/host", FROM_LAN AS_ADMIN, NULL, NULL),
                        404);

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                with_server(test_public),
                with_server(test_verbs),
                with_server(test_tokens),
                with_server(test_too_many_wrong_tokens),
                with_server(test_this_host_is_not_locked_out),
                with_server(test_access),
                with_server(test_host),
                with_server(test_instance_route),
                with_server(test_names),
                with_server(test_instance_route_to_applications),
                with_server(test_instance_route_is_internal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
