/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/verbs/request.h"
#include "core/verbs/table.h"
#include "core/verbs/verb.h"
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

/* ---- The contract ------------------------------------------------------------------------------------------ */

static struct json_object *read_contract(void **state)
{
        _cleanup_free_ char *answer = NULL;
        struct json_object *contract = NULL;
        const char *body;

        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/openapi.json", FROM_LAN, NULL,
                                         &answer),
                        200);
        body = strstr(answer, "\r\n\r\n");
        assert_non_null(body);
        assert_int_equal(json_parse(body + 4, strlen(body + 4), &contract, NULL), 0);
        return contract;
}

static struct json_object *find_operation(struct json_object *contract, const char *path, const char *method)
{
        struct json_object *operation = json_get(json_get(json_get(contract, "paths"), path), method);

        if (!operation)
                fail_msg("%s %s is not there", method, path);
        return operation;
}

static void test_contract_has_every_verb(void **state)
{
        _cleanup_json_ struct json_object *contract = read_contract(state);

        for (const Action *a = action_table; a->name; a++) {
                _cleanup_free_ char *method = a->http_method ? strdup(a->http_method) : NULL;
                struct json_object *operation;
                const char *name = NULL;

                if (!a->http_method)
                        continue;
                for (char *p = method; *p; p++)
                        *p = (char) (*p | 0x20);
                operation = find_operation(contract, a->http_path, method);
                assert_int_equal(json_get_string(operation, "operationId", &name), 0);
                assert_string_equal(name, a->name);
                /* The public listener has the visitor's verbs alone. */
                assert_int_equal(json_object_array_length(json_get(operation, "x-ark-listeners")),
                                a->role == ROLE_VISITOR ? 3 : 2);
        }
        (void) find_operation(contract, "/api/instances/{id}/events", "get");
        (void) find_operation(contract, "/metrics", "get");
        (void) find_operation(contract, "/healthz", "get");
        /* That is between nginx and arkd. */
        assert_null(json_get(json_get(contract, "paths"), "/internal/route"));
}

static void test_contract_tells_arguments(void **state)
{
        static const struct {
                const char *path, *method, *member, *text;
        } cases[] = {
                { "/api/products/{id}", "get", "parameters",
                                "[{\"name\":\"id\",\"in\":\"path\",\"required\":true,"
                                "\"schema\":{\"type\":\"string\"}}]" },
                { "/api/products", "post", "requestBody",
                                "{\"required\":true,\"content\":{\"application/json\":"
                                "{\"schema\":{\"type\":\"object\"}}}}" },
                { "/api/instances/{id}/access", "get", "security",
                                "[{\"accessToken\":[]},{\"adminToken\":[]}]" },
                { "/api/instances", "get", "security", "[{\"adminToken\":[]}]" },
                { "/healthz", "get", "security", "[{}]" },
        };
        _cleanup_json_ struct json_object *contract = read_contract(state);
        struct json_object *create;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct json_object *operation = find_operation(contract, cases[i].path, cases[i].method);

                assert_string_equal(json_text(json_get(operation, cases[i].member)), cases[i].text);
        }
        create = find_operation(contract, "/api/instances", "post");
        assert_has(json_text(create), "\"required\":[\"product_id\",\"client_name\"]");
        assert_has(json_text(create), "\"name\":\"Idempotency-Key\",\"in\":\"header\"");
        assert_has(json_text(create), "\"202\":");
}

static void test_contract_is_for_callers(void **state)
{
        assert_int_equal(ask_once(*state, LISTENER_PUBLIC, "GET", "/api/openapi.json", "Host: localhost\r\n",
                                         NULL, NULL),
                        403);
        assert_int_equal(ask_once(*state, LISTENER_LOCAL, "GET", "/api/openapi.json", "Host: localhost\r\n",
                                         NULL, NULL),
                        401);
        assert_int_equal(ask_once(*state, LISTENER_LOCAL, "GET", "/api/openapi.json",
                                         "Host: localhost\r\n" AS_ADMIN, NULL, NULL),
                        200);
}

/* ---- Faults ------------------------------------------------------------------------------------------------ */

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
                { FAULT_NOT_ISOLATED, 503 },
                { FAULT_QUEUE_FULL, 503 },
                { FAULT_HOST_FULL, 503 },
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
                with_server(test_contract_has_every_verb),
                with_server(test_contract_tells_arguments),
                with_server(test_contract_is_for_callers),
                with_server(test_faults),
                with_server(test_store_away),
                with_server(test_big_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
