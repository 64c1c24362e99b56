/* SPDX-License-Identifier: MIT */

/* Requests: what is refused and why, quotas, repeats, lists, products, who sees what. */

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/manager.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

static struct json_object *order(const char *product, const char *name, const char *key)
{
        struct json_object *arguments = json_object_new_object();

        assert_int_equal(json_set_string(arguments, "product_id", product), 0);
        assert_int_equal(json_set_string(arguments, "client_name", name), 0);
        if (key)
                assert_int_equal(json_set_string(arguments, "idempotency_key", key), 0);
        return arguments;
}

static void assert_fault(World *w, const Ask *a, Fault fault, const char *field)
{
        world_case("%s", strempty(a->reason));
        world_assert(w, a->fault == fault);
        world_assert(w, streq_ptr(a->field, field));
        world_assert(w, (a->retry_after_s > 0) ==
                                        (fault == FAULT_QUOTA_EXCEEDED || fault == FAULT_STORE_UNAVAILABLE ||
                                                        fault == FAULT_ENGINE_UNAVAILABLE ||
                                                        fault == FAULT_NOT_ISOLATED ||
                                                        fault == FAULT_QUEUE_FULL ||
                                                        fault == FAULT_HOST_FULL));
}

/* ---- Creating ---- */

static void refused_with(World *w, HostState host, const char *what, const char *much, const char *key)
{
        _cleanup_ask_ Ask a = { 0 };

        w->ports->host = host;
        world_stop(w); /* readings are kept for a second */
        world_start(w);
        world_run(w);
        ask_create(w, &a, VARIANT_STRIP);
        world_run(w);
        assert_fault(w, &a, what ? FAULT_HOST_FULL : FAULT_NONE, NULL);
        if (!what)
                return;
        world_assert(w, strstr(a.reason, what) && strstr(a.reason, much) && strstr(a.reason, key));
        world_assert(w, a.retry_after_s >= 30);
}

/* The last of the host's disk and memory is not given away; what there is not is said, and what is needed. */
static void test_full_host(void **state)
{
        const HostState fine = { "/srv/docker", 1 << 30, 1 << 28, 6000, "/srv/docker" };
        HostState host = fine;
        World *w = world_new();

        refused_with(w, fine, NULL, NULL, NULL);
        host.disk_free = (1 << 30) - 1;
        refused_with(w, host, "disk", "1024 MiB are free under /srv/docker", "MinFreeDisk=");
        host = fine;
        host.memory_available = 1 << 27;
        refused_with(w, host, "memory", "128 MiB are available, and a new instance needs 256 MiB",
                        "MinFreeMemory=");
        host = fine;
        host.memory_pressure = 6001;
        refused_with(w, host, "busy", "60 % of the last ten seconds", "MaxPressure=");
        host.disk_free = host.memory_available = host.memory_pressure = USAGE_UNKNOWN;
        refused_with(w, host, NULL, NULL, NULL);
        world_check(w);
        world_free(w);
}

static void test_bad_orders(void **state)
{
        static const struct {
                const char *arguments, *field;
                Fault fault;
        } table[] = {
                { "{}", "product_id", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\"}", "client_name", FAULT_INVALID_ARGUMENT },
                { "{\"client_name\":\"x\"}", "product_id", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":1,\"client_name\":\"x\"}", "product_id", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":null,\"client_name\":\"x\"}", "product_id", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":[]}", "client_name", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":\"x\",\"z\":1}", "z", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p9\",\"client_name\":\"x\"}", "product_id", FAULT_NO_SUCH_PRODUCT },
                { "{\"product_id\":\"\",\"client_name\":\"x\"}", "product_id", FAULT_NO_SUCH_PRODUCT },
                { "{\"product_id\":\"p0\\u0000\",\"client_name\":\"x\"}", "product_id",
                                FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":\"\"}", "client_name", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":\"   \"}", "client_name", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":\"a\\nb\"}", "client_name",
                                FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":\"a\\u202eb\"}", "client_name",
                                FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":\"a\\u0000b\"}", "client_name",
                                FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":\"x\",\"idempotency_key\":\"\"}",
                                "idempotency_key", FAULT_INVALID_ARGUMENT },
                { "{\"product_id\":\"p0\",\"client_name\":\"x\",\"idempotency_key\":\"a b\"}",
                                "idempotency_key", FAULT_INVALID_ARGUMENT },
        };
        World *w = world_new();

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_ask_ Ask a = { 0 };

                ask_now(w, &a, "CreateInstance", ROLE_VISITOR, "addr:1", json_of(table[i].arguments));
                assert_fault(w, &a, table[i].fault, table[i].field);
        }
        for (unsigned n = 63; n <= 65; n++) {
                _cleanup_ask_ Ask a = { 0 };
                char name[400] = "";

                for (unsigned i = 0; i < n; i++)
                        (void) strcat(name, "ñ");
                ask_now(w, &a, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p0", name, NULL));
                assert_fault(w, &a, n <= 64 ? FAULT_NONE : FAULT_INVALID_ARGUMENT,
                                n <= 64 ? NULL : "client_name");
        }
        world_run(w);
        world_check(w);
        world_free(w);
}

static void test_outside_away(void **state)
{
        static const FakeWho who[] = { FAKE_ENGINE, FAKE_STORE };

        for (size_t i = 0; i < ELEMENTSOF(who); i++) {
                World *w = world_new();
                _cleanup_ask_ Ask a = { 0 }, b = { 0 };
                char id[64];

                ask_now(w, &a, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p0", "x", NULL));
                world_run(w);
                (void) snprintf(id, sizeof id, "%s", ask_id(&a));
                fake_clock_move(fake_clock_now() + USEC_PER_MINUTE);
                fake_ports_lose(w->ports, who[i], UINT64_MAX);
                ask_now(w, &a, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p0", "x", NULL));
                assert_fault(w, &a,
                                who[i] == FAKE_ENGINE ? FAULT_ENGINE_UNAVAILABLE : FAULT_STORE_UNAVAILABLE,
                                NULL);
                ask_now(w, &b, "DeleteInstance", ROLE_OPERATOR, "uid:0", json_named("id", id));
                assert_fault(w, &b,
                                who[i] == FAKE_ENGINE ? FAULT_ENGINE_UNAVAILABLE : FAULT_STORE_UNAVAILABLE,
                                NULL);
                ask_now(w, &b, "GetInstance", ROLE_VISITOR, "addr:1", json_named("id", id));
                assert_int_equal(b.fault, FAULT_NONE);
                fake_ports_return(w->ports, who[i]);
                world_run(w);
                assert_string_equal(world_status(w), "running");
                ask_now(w, &b, "DeleteInstance", ROLE_OPERATOR, "uid:0", json_named("id", id));
                assert_int_equal(b.fault, FAULT_NONE);
                world_check(w);
                world_free(w);
        }
}

/* Requests of the first moments wait for the store; after that they are told. */
static void test_store_away_at_start(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask early = { 0 }, late = { 0 }, gone = { 0 };

        world_stop(w);
        fake_ports_lose(w->ports, FAKE_STORE, 2 * USEC_PER_SEC);
        assert_int_equal(manager_new(w->event, &w->settings, &w->ports->engine, &w->ports->store,
                                         &w->ports->probe, &w->manager),
                        0);
        assert_int_equal(manager_start(w->manager), 0);
        ask(w, &early, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p0", "x", NULL));
        ask(w, &gone, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p0", "x", NULL));
        ask_drop(&gone);
        world_run(w);
        assert_int_equal(early.fault, FAULT_NONE);
        assert_string_equal(world_status(w), "running");
        assert_int_equal(manager_count_instances(w->manager), 1);

        world_stop(w);
        fake_ports_lose(w->ports, FAKE_STORE, 20 * USEC_PER_SEC);
        assert_int_equal(manager_new(w->event, &w->settings, &w->ports->engine, &w->ports->store,
                                         &w->ports->probe, &w->manager),
                        0);
        assert_int_equal(manager_start(w->manager), 0);
        ask_now(w, &late, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p0", "x", NULL));
        assert_fault(w, &late, FAULT_STORE_UNAVAILABLE, NULL);
        world_run(w);
        world_check(w);
        world_free(w);
}

static void test_quotas(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 }, b = { 0 };

        w->settings.quota_total = 7;
        w->settings.quota_rate = 6;
        w->settings.instances_max = 9;
        world_stop(w);
        world_start(w);
        for (unsigned i = 0; i < 5; i++) {
                ask_now(w, &a, "CreateInstance", ROLE_VISITOR, "addr:1", order("p4", "x", NULL));
                assert_int_equal(a.fault, FAULT_NONE);
                world_run(w);
        }
        ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p4", "x", NULL));
        assert_fault(w, &b, FAULT_QUOTA_EXCEEDED, NULL);
        assert_non_null(strstr(b.reason, "5 applications already"));
        /* One deleted makes room for one, until the minute is full. */
        ask_now(w, &b, "DeleteInstance", ROLE_OPERATOR, "uid:0", json_named("id", ask_id(&a)));
        ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p4", "x", NULL));
        assert_int_equal(b.fault, FAULT_NONE);
        ask_now(w, &a, "DeleteInstance", ROLE_OPERATOR, "uid:0", json_named("id", ask_id(&b)));
        ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p4", "x", NULL));
        assert_fault(w, &b, FAULT_QUOTA_EXCEEDED, NULL);
        assert_non_null(strstr(b.reason, "within a minute"));
        fake_clock_move(fake_clock_now() + USEC_PER_MINUTE);
        ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p4", "x", NULL));
        assert_int_equal(b.fault, FAULT_NONE);
        for (unsigned i = 0; i < 2; i++) {
                ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:2", order("p4", "x", NULL));
                assert_int_equal(b.fault, FAULT_NONE);
        }
        ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:3", order("p4", "x", NULL));
        assert_fault(w, &b, FAULT_QUOTA_EXCEEDED, NULL);
        assert_non_null(strstr(b.reason, "All 7 places"));
        for (unsigned i = 0; i < 2; i++) {
                ask_now(w, &b, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p4", "x", NULL));
                assert_int_equal(b.fault, FAULT_NONE);
        }
        ask_now(w, &b, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p4", "x", NULL));
        assert_fault(w, &b, FAULT_QUOTA_EXCEEDED, NULL);
        world_run(w);
        world_check(w);
        world_free(w);
}

/* A clock that is set back does not make of the last days' deployments the last minute's. */
static void test_rate_by_a_set_clock(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };

        w->settings.quota_rate = 1;
        world_stop(w);
        world_start(w);
        ask_now(w, &a, "CreateInstance", ROLE_VISITOR, "addr:1", order("p4", "x", NULL));
        assert_int_equal(a.fault, FAULT_NONE);
        fake_clock_set(-(int64_t) USEC_PER_DAY);
        ask_now(w, &a, "CreateInstance", ROLE_VISITOR, "addr:1", order("p4", "x", NULL));
        assert_int_equal(a.fault, FAULT_NONE);
        ask_now(w, &a, "CreateInstance", ROLE_VISITOR, "addr:1", order("p4", "x", NULL));
        assert_fault(w, &a, FAULT_QUOTA_EXCEEDED, NULL);
        world_run(w);
        world_check(w);
        world_free(w);
}

/* However fast they come, no more wait than may. */
static void test_queue_is_bounded(void **state)
{
        static Ask asks[40];
        World *w = world_new();
        unsigned taken = 0;

        w->settings.queue_max = 10;
        world_stop(w);
        world_start(w);
        for (size_t i = 0; i < ELEMENTSOF(asks); i++)
                ask(w, &asks[i], "CreateInstance", ROLE_OPERATOR, "uid:0", order("p5", "x", NULL));
        world_run(w);
        for (size_t i = 0; i < ELEMENTSOF(asks); i++) {
                assert_true(asks[i].answered);
                taken += asks[i].fault == FAULT_NONE;
                if (asks[i].fault != FAULT_NONE) {
                        assert_fault(w, &asks[i], FAULT_QUEUE_FULL, NULL);
                        assert_non_null(strstr(asks[i].reason, "QueueMax=10 "));
                }
                ask_done(&asks[i]);
        }
        assert_int_equal(taken, 14); /* 4 at work, 10 waiting */
        assert_int_equal(manager_count_instances(w->manager), 14);
        world_check(w);
        world_free(w);
}

static void test_addresses_run_out(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };

        w->settings.subnet_pool = "172.16.0.0/19";
        w->settings.queue_max = 1000;
        world_stop(w);
        world_start(w);
        for (unsigned i = 0; i < 256; i++) {
                ask(w, &a, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p4", "x", NULL));
                ask_drop(&a);
        }
        ask_now(w, &a, "CreateInstance", ROLE_OPERATOR, "uid:0", order("p4", "x", NULL));
        assert_fault(w, &a, FAULT_QUOTA_EXCEEDED, NULL);
        assert_non_null(strstr(a.reason, "SubnetPool="));
        world_free(w);
}

/* ---- Idempotency ---- */

static void test_repeats(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 }, b = { 0 }, c = { 0 };
        char id[64];

        /* Both at the same moment. */
        ask(w, &a, "CreateInstance", ROLE_VISITOR, "addr:1", order("p0", "x", "k1"));
        ask(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p0", "x", "k1"));
        ask(w, &c, "CreateInstance", ROLE_VISITOR, "addr:2", order("p0", "x", "k1"));
        world_run(w);
        assert_int_equal(a.fault, FAULT_NONE);
        assert_int_equal(b.fault, FAULT_NONE);
        assert_string_equal(ask_id(&a), ask_id(&b));
        assert_fault(w, &c, FAULT_CONFLICT, "idempotency_key");
        (void) snprintf(id, sizeof id, "%s", ask_id(&a));
        assert_string_equal(fake_ports_record(w->ports, STORE_IDEMPOTENCY, "k1"), id);

        static const char *const others[][2] = { { "p1", "x" }, { "p0", "y" } };
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                ask_now(w, &c, "CreateInstance", ROLE_VISITOR, "addr:1",
                                order(others[i][0], others[i][1], "k1"));
                assert_fault(w, &c, FAULT_CONFLICT, "idempotency_key");
        }
        /* After a crash; after the end: with the access token, and as what is there already. */
        world_crash(w, true);
        ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p0", "x", "k1"));
        assert_string_equal(ask_id(&b), id);
        assert_true(b.created);
        assert_non_null(json_get(b.result, "access_token"));
        /* When it is deleted, and its product too, the key still means it. */
        ask_delete(w, &c, id);
        world_run(w);
        ask_now(w, &c, "DeleteProduct", ROLE_OPERATOR, "uid:0", json_named("id", "p0"));
        assert_int_equal(c.fault, FAULT_NONE);
        ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p0", "x", "k1"));
        assert_int_equal(b.fault, FAULT_NONE);
        assert_string_equal(ask_id(&b), id);
        /* The repeat does not count against the quota, and another day is another deployment. */
        fake_clock_move(fake_clock_now() + USEC_PER_DAY + 1);
        ask_now(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p1", "x", "k1"));
        assert_int_equal(b.fault, FAULT_NONE);
        assert_string_not_equal(ask_id(&b), id);
        world_run(w);
        assert_int_equal(manager_count_instances(w->manager), 1);
        world_check(w);
        world_free(w);
}

/* The first is refused: both hear of it, and the key is free again. */
static void test_repeat_of_refused(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 }, b = { 0 };

        w->ports->plans[0] = (FakePlan){ w->ports->n_calls, FAKE_FAILED };
        ask(w, &a, "CreateInstance", ROLE_VISITOR, "addr:1", order("p0", "x", "k1"));
        ask(w, &b, "CreateInstance", ROLE_VISITOR, "addr:1", order("p0", "x", "k1"));
        world_run(w);
        assert_fault(w, &a, FAULT_STORE_UNAVAILABLE, NULL);
        assert_fault(w, &b, FAULT_STORE_UNAVAILABLE, NULL);
        assert_true(strstr(a.reason, "made to fail")); /* the store's own words */
        ask_now(w, &a, "CreateInstance", ROLE_VISITOR, "addr:1", order("p0", "x", "k1"));
        assert_int_equal(a.fault, FAULT_NONE);
        world_run(w);
        world_check(w);
        world_free(w);
}

/* ---- Lists ---- */

static size_t list(World *w, Ask *a, const char *arguments)
{
        ask_now(w, a, "ListInstances", ROLE_OPERATOR, "uid:0", json_of(arguments));
        assert_int_equal(a->fault, FAULT_NONE);
        return json_object_array_length(json_get(a->result, "items"));
}

static void test_lists(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };
        char cursor[64], seen[7][64], arguments[128];
        const char *next = NULL;
        size_t n = 0;

        for (Variant v = 0; v < 4; v++) {
                ask_create(w, &a, v % 2 ? VARIANT_ALONE : VARIANT_STRIP);
                fake_clock_move(fake_clock_now() + 1);
                world_run(w);
        }
        w->ports->failing = "create_network";
        ask_create(w, &a, VARIANT_STRIP);
        world_run(w);
        w->ports->failing = NULL;
        ask_delete(w, &a, world_id(w));
        world_run(w);
        assert_int_equal(list(w, &a, "{}"), 4);
        assert_null(json_get(a.result, "next"));
        assert_int_equal(list(w, &a, "{\"status\":\"deleted\"}"), 1);
        assert_int_equal(list(w, &a, "{\"status\":\"failed\"}"), 1);
        assert_int_equal(list(w, &a, "{\"status\":\"running\"}"), 3);
        assert_int_equal(list(w, &a, "{\"status\":\"pending\"}"), 0);
        assert_int_equal(list(w, &a, "{\"product_id\":\"p4\"}"), 2);
        assert_int_equal(list(w, &a, "{\"product_id\":\"p9\"}"), 0);
        assert_int_equal(list(w, &a, "{\"product_id\":\"p0\",\"status\":\"running\"}"), 1);
        /* Page by page: each once, in order. */
        (void) strcpy(arguments, "{\"limit\":1}");
        do {
                struct json_object *item;

                assert_int_equal(list(w, &a, arguments), 1);
                item = json_object_array_get_idx(json_get(a.result, "items"), 0);
                assert_int_equal(json_get_string(item, "id", &next), 0);
                (void) snprintf(seen[n++], sizeof seen[0], "%s", next);
                for (size_t k = 0; k + 1 < n; k++)
                        assert_string_not_equal(seen[k], seen[n - 1]);
                next = NULL;
                (void) json_get_string(a.result, "next", &next);
                (void) snprintf(cursor, sizeof cursor, "%s", strempty(next));
                (void) snprintf(arguments, sizeof arguments, "{\"limit\":1,\"cursor\":\"%s\"}", cursor);
        } while (next);
        assert_int_equal(n, 4);

        static const struct {
                const char *arguments, *field;
        } bad[] = {
                { "{\"status\":\"dead\"}", "status" },
                { "{\"limit\":0}", "limit" },
                { "{\"limit\":1001}", "limit" },
                { "{\"limit\":-1}", "limit" },
                { "{\"limit\":\"1\"}", "limit" },
                { "{\"cursor\":\"client_x\"}", "cursor" },
                { "{\"sort\":\"x\"}", "sort" },
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                ask_now(w, &a, "ListInstances", ROLE_OPERATOR, "uid:0", json_of(bad[i].arguments));
                assert_fault(w, &a, FAULT_INVALID_ARGUMENT, bad[i].field);
        }
        world_check(w);
        world_free(w);
}

/* ---- Who sees what ---- */

static void test_views(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 }, a = { 0 };
        const char *token = "", *id, *value;
        struct json_object *arguments, *credential;
        const Instance *i;

        ask_now(w, &create, "CreateInstance", ROLE_VISITOR, "addr:1", order("p0", "x", NULL));
        id = ask_id(&create);
        assert_int_equal(json_get_string(create.result, "access_token", &token), 0);
        i = manager_get_instance(w->manager, id);
        arguments = json_named("id", id);
        assert_int_equal(json_set_string(arguments, "access_token", token), 0);
        ask(w, &a, "GetAccess", ROLE_VISITOR, "addr:1", json_object_get(arguments));
        world_run(w);
        assert_true(a.fault == FAULT_CONFLICT); /* not yet */
        ask_now(w, &a, "GetAccess", ROLE_VISITOR, "addr:1", arguments);
        assert_int_equal(a.fault, FAULT_NONE);
        credential = json_object_array_get_idx(json_get(a.result, "credentials"), 0);
        assert_int_equal(json_get_string(credential, "value", &value), 0);
        assert_true(startswith(value, "admin ") && strlen(value) == 6 + 24);
        assert_string_equal(value + 6, i->secrets.items[0].value);

        ask_now(w, &a, "GetAccess", ROLE_VISITOR, "addr:1", json_named("id", id));
        assert_fault(w, &a, FAULT_UNAUTHENTICATED, "access_token");
        arguments = json_named("id", id);
        assert_int_equal(json_set_string(arguments, "access_token", "wrong"), 0);
        ask_now(w, &a, "GetAccess", ROLE_VISITOR, "addr:1", arguments);
        assert_fault(w, &a, FAULT_UNAUTHENTICATED, "access_token");

        static const char *const verbs[] = { "GetInstance", "ListInstances", "GetProduct", "ListProducts" };
        for (size_t k = 0; k < ELEMENTSOF(verbs); k++)
                for (Role role = ROLE_VISITOR; role <= ROLE_OPERATOR; role++) {
                        const char *text;

                        arguments = k == 0 ? json_named("id", id) : k == 2 ? json_named("id", "p0") : NULL;
                        ask_now(w, &a, verbs[k], role, "addr:9", arguments);
                        assert_int_equal(a.fault, FAULT_NONE);
                        text = json_text(a.result);
                        assert_null(strstr(text, i->database_password));
                        assert_null(strstr(text, i->access_token));
                        assert_null(strstr(text, i->secrets.items[0].value));
                        if (role != ROLE_OPERATOR)
                                assert_false(strstr(text, "addr:1") || strstr(text, "\"env\"") ||
                                                strstr(text, "SECRET:"));
                        assert_null(strstr(text, "ingress_address"));
                }
        ask_now(w, &a, "GetCredentials", ROLE_OPERATOR, "uid:0", json_named("id", id));
        assert_int_equal(json_get_string(a.result, "password", &value), 0);
        assert_string_equal(value, i->database_password);
        assert_int_equal(strlen(value), 32);
        ask_now(w, &a, "GetCompose", ROLE_OPERATOR, "uid:0", json_named("id", id));
        assert_int_equal(a.fault, FAULT_NONE);
        ask_delete(w, &a, id);
        world_run(w);

        static const char *const after[] = { "GetAccess", "GetCredentials", "GetCompose" };
        for (size_t k = 0; k < ELEMENTSOF(after); k++) {
                ask_now(w, &a, after[k], ROLE_OPERATOR, "uid:0", json_named("id", id));
                assert_fault(w, &a, FAULT_CONFLICT, "id");
                ask_now(w, &a, after[k], ROLE_OPERATOR, "uid:0", json_named("id", "client_zzzzzzzzzzzz"));
                assert_fault(w, &a, FAULT_NO_SUCH_INSTANCE, "id");
        }
        world_check(w);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_full_host),
                cmocka_unit_test(test_bad_orders),
                cmocka_unit_test(test_outside_away),
                cmocka_unit_test(test_store_away_at_start),
                cmocka_unit_test(test_quotas),
                cmocka_unit_test(test_rate_by_a_set_clock),
                cmocka_unit_test(test_queue_is_bounded),
                cmocka_unit_test(test_addresses_run_out),
                cmocka_unit_test(test_repeats),
                cmocka_unit_test(test_repeat_of_refused),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_views),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
