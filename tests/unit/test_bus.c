/* SPDX-License-Identifier: MIT */
#include "bus_fixture.h"
#include "core/model/instance.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"

/* ---- Methods ----------------------------------------------------------------------------------------------- */

static void test_create(void **state)
{
        Fixture *f = *state;
        const char *id, *path;
        Instance *instance;

        fake_add_product(f->manager, PRODUCT("shop", "\"Shop\""));
        MESSAGE *m = manager_call(
                        f, "CreateInstance", "ssa{sv}", "shop", "Ácme", 1, "idempotency_key", "s", "k");
        assert_reply(m, "so");
        assert_true(sd_bus_message_read(m, "so", &id, &path) > 0);
        instance = manager_get_instance(f->manager, id);
        assert_non_null(instance);
        assert_string_equal(instance->client_name, "Ácme");
        assert_string_equal(instance->idempotency_key, "k");
        _cleanup_free_ char *expected = fixture_instance_path(instance);
        assert_string_equal(path, expected);
        _cleanup_free_ char *identity = str_printf("uid:%u", (unsigned) geteuid());
        assert_string_equal(fake_last_caller(f->manager), identity);

        assert_error(manager_call(f, "CreateInstance", "ssa{sv}", "none", "A", 0), "NoSuchProduct", "none");
}

static void test_options(void **state)
{
        Fixture *f = *state;
        const char *key = "idempotency_key";

        fake_add_product(f->manager, PRODUCT("shop", "\"Shop\""));
        assert_error(manager_call(f, "CreateInstance", "ssa{sv}", "shop", "A", 1, "colour", "s", "red"),
                        "InvalidArgument", "colour is not known");
        /* An argument of the action that is not an option of the method. */
        assert_error(manager_call(f, "CreateInstance", "ssa{sv}", "shop", "A", 1, "client_name", "s", "B"),
                        "InvalidArgument", "client_name is not known");
        assert_error(manager_call(f, "CreateInstance", "ssa{sv}", "shop", "A", 1, key, "u", 7),
                        "InvalidArgument", "idempotency_key must be of type s");
        assert_error(manager_call(f, "CreateInstance", "ssa{sv}", "shop", "A", 1, key, "as", 1, "x"),
                        "InvalidArgument", "idempotency_key must be of type s");
        assert_error(manager_call(f, "CreateInstance", "ssa{sv}", "shop", "A", 2, key, "s", "a", key, "s",
                                     "b"),
                        "InvalidArgument", "given twice");
        assert_error(manager_call(f, "ListInstances", "a{sv}", 1, "product_id", "s", "shop"),
                        "InvalidArgument", "product_id is not known");
        assert_error(manager_call(f, "ListInstances", "a{sv}", 1, "limit", "t", UINT64_C(1)),
                        "InvalidArgument", "limit is not known");
        assert_int_equal(fake_ran(f->manager), 0);
        assert_int_equal(manager_count_instances(f->manager), 0);
}

static char *long_string(size_t n)
{
        char *s = malloc(n + 1);

        assert_non_null(s);
        memset(s, 'x', n);
        s[n] = '\0';
        return s;
}

static void test_long_strings(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *some = long_string(300), *huge = long_string(4 * 1024 * 1024);

        assert_error(manager_call(f, "GetInstance", "s", some), "InvalidArgument", "id is longer than 256");
        assert_error(manager_call(f, "GetInstance", "s", huge), "InvalidArgument", "id is longer than 256");
        assert_error(manager_call(f, "SetProduct", "s", huge), "InvalidArgument",
                        "product is longer than 65536");
        assert_error(manager_call(f, "ListInstances", "a{sv}", 1, huge, "s", "x"), "InvalidArgument",
                        "very long name");
        assert_error(manager_call(f, "ListInstances", "a{sv}", 1, "status", "s", huge), "InvalidArgument",
                        "status is longer");
        assert_int_equal(fake_ran(f->manager), 0);
}

static void test_wrong_types(void **state)
{
        Fixture *f = *state;
        static const char *const one_string[] = { "GetInstance", "DeleteInstance", "SetProduct",
                "GetProduct", "DeleteProduct", "GetCredentials", "GetCompose" };
        const char *invalid = SD_BUS_ERROR_INVALID_ARGS;

        for (size_t i = 0; i < ELEMENTSOF(one_string); i++) {
                assert_error(manager_call(f, one_string[i], NULL), invalid, NULL);
                assert_error(manager_call(f, one_string[i], "u", 1), invalid, NULL);
                assert_error(manager_call(f, one_string[i], "ss", "a", "b"), invalid, NULL);
        }
        assert_error(manager_call(f, "CreateInstance", "ss", "a", "b"), invalid, NULL);
        assert_error(manager_call(f, "CreateInstance", "ssa{ss}", "a", "b", 0), invalid, NULL);
        assert_error(manager_call(f, "ListInstances", NULL), invalid, NULL);
        assert_error(manager_call(f, "ListProducts", "s", "a"), invalid, NULL);
        assert_error(manager_call(f, "Explode", NULL), SD_BUS_ERROR_UNKNOWN_METHOD, NULL);
        assert_int_equal(fake_ran(f->manager), 0);
}

static void test_get_and_unknown(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        _cleanup_free_ char *expected = fixture_instance_path(i);
        static const char *const verbs[] = { "GetInstance", "DeleteInstance", "GetCredentials",
                "GetCompose" };
        static const char *const ids[] = { "", "client_", "client_aaaaaaaaaaaa", "../../x",
                "client_\xc3\xa9" };
        const char *path;

        MESSAGE *m = assert_reply(manager_call(f, "GetInstance", "s", i->id), "o");
        assert_true(sd_bus_message_read(m, "o", &path) > 0);
        assert_string_equal(path, expected);
        for (size_t v = 0; v < ELEMENTSOF(verbs); v++)
                for (size_t k = 0; k < ELEMENTSOF(ids); k++)
                        assert_error(manager_call(f, verbs[v], "s", ids[k]), "NoSuchInstance", ids[k]);
        assert_error(manager_call(f, "DeleteProduct", "s", "none"), "NoSuchProduct", "none");
        assert_error(manager_call(f, "GetProduct", "s", "none"), "NoSuchProduct", "none");

        /* Of a deleted one the record remains, the object does not. */
        fake_remove_instance(f->manager, i, true);
        assert_error(manager_call(f, "GetInstance", "s", i->id), "NoSuchInstance", "has been deleted");
}

static void test_list(void **state)
{
        Fixture *f = *state;
        Instance *a = fake_add_instance(f->manager, "shop", "Acme");
        Instance *b = fake_add_instance(f->manager, "blog", "Böb");
        _cleanup_free_ char *b_path = fixture_instance_path(b);
        const char *id, *product, *client, *status, *path;
        uint64_t created;

        b->status = INSTANCE_RUNNING;
        MESSAGE *all = assert_reply(manager_call(f, "ListInstances", "a{sv}", 0), "a(ssssto)");
        assert_true(sd_bus_message_enter_container(all, 'a', "(ssssto)") > 0);
        assert_true(sd_bus_message_read(all, "(ssssto)", &id, &product, &client, &status, &created, &path) >
                        0);
        assert_string_equal(id, a->id);
        assert_string_equal(status, "pending");
        assert_true(sd_bus_message_read(all, "(ssssto)", &id, &product, &client, &status, &created, &path) >
                        0);
        assert_string_equal(id, b->id);
        assert_string_equal(product, "blog");
        assert_string_equal(client, "Böb");
        assert_string_equal(status, "running");
        assert_true(created == b->created_usec);
        assert_string_equal(path, b_path);
        assert_int_equal(sd_bus_message_at_end(all, false), 1);

        MESSAGE *some = assert_reply(manager_call(f, "ListInstances", "a{sv}", 2, "product", "s", "blog",
                                                     "status", "s", "running"),
                        "a(ssssto)");
        assert_true(sd_bus_message_enter_container(some, 'a', "(ssssto)") > 0);
        assert_true(sd_bus_message_read(some, "(ssssto)", &id, &product, &client, &status, &created, &path) >
                        0);
        assert_string_equal(id, b->id);
        assert_int_equal(sd_bus_message_at_end(some, false), 1);

        MESSAGE *none = assert_reply(
                        manager_call(f, "ListInstances", "a{sv}", 1, "status", "s", "failed"), "a(ssssto)");
        assert_true(sd_bus_message_enter_container(none, 'a', "(ssssto)") > 0);
        assert_int_equal(sd_bus_message_at_end(none, false), 1);
}

static void test_delete(void **state)
{
        Fixture *f = *state;
        Instance *a = fake_add_instance(f->manager, "shop", "A"),
                 *b = fake_add_instance(f->manager, "shop", "B");
        _cleanup_free_ char *path = fixture_instance_path(b);

        sd_bus_message_unref(assert_reply(manager_call(f, "DeleteInstance", "s", a->id), ""));
        assert_int_equal(a->status, INSTANCE_DELETED);
        sd_bus_message_unref(assert_reply(manager_call(f, "DeleteInstance", "s", a->id), ""));

        sd_bus_message_unref(
                        assert_reply(fixture_call(f, path, BUS_INSTANCE_INTERFACE, "Delete", NULL), ""));
        assert_int_equal(b->status, INSTANCE_DELETED);
        assert_error(fixture_call(f, path, BUS_INSTANCE_INTERFACE, "Delete", NULL),
                        SD_BUS_ERROR_UNKNOWN_OBJECT, NULL);
        assert_error(fixture_call(f, path, BUS_INSTANCE_INTERFACE, "Delete", "s", "x"),
                        SD_BUS_ERROR_UNKNOWN_OBJECT, NULL);
}

static void test_usage(void **state)
{
        Fixture *f = *state;
        _cleanup_free_ char *path = fixture_instance_path(fake_add_instance(f->manager, "shop", "A"));
        const char *role, *container;
        uint64_t n[7];

        MESSAGE *m = assert_reply(
                        fixture_call(f, path, BUS_INSTANCE_INTERFACE, "GetUsage", NULL), "a(ssttttttt)");
        assert_true(sd_bus_message_enter_container(m, 'a', "(ssttttttt)") > 0);
        assert_true(sd_bus_message_read(m, "(ssttttttt)", &role, &container, &n[0], &n[1], &n[2], &n[3],
                                    &n[4], &n[5], &n[6]) > 0);
        assert_string_equal(role, "app");
        assert_string_equal(container, "a");
        assert_true(n[0] == UINT64_C(1795534801000000) && n[1] == UINT64_C(1795534802500000));
        for (uint64_t k = 1; k <= 5; k++)
                assert_true(n[k + 1] == k);
        assert_true(sd_bus_message_read(m, "(ssttttttt)", &role, &container, &n[0], &n[1], &n[2], &n[3],
                                    &n[4], &n[5], &n[6]) > 0);
        assert_string_equal(role, "db");
        for (size_t k = 0; k < ELEMENTSOF(n); k++)
                assert_true(n[k] == UINT64_MAX);
        assert_int_equal(sd_bus_message_at_end(m, false), 1);
        fake_fail_next(f->manager, FAULT_ENGINE_UNAVAILABLE);
        assert_error(fixture_call(f, path, BUS_INSTANCE_INTERFACE, "GetUsage", NULL), "EngineUnavailable",
                        NULL);
}

static void test_storage(void **state)
{
        Fixture *f = *state;
        const Instance *i = fake_add_instance(f->manager, "shop", "A");
        _cleanup_free_ char *path = fixture_instance_path(i);
        const char *kind, *role, *name, *at;
        uint64_t bytes;

        MESSAGE *m = assert_reply(fixture_call(f, path, "org.freedesktop.DBus.Properties", "Get", "ss",
                                                  BUS_INSTANCE_INTERFACE, "Storage"),
                        "v");
        assert_true(sd_bus_message_enter_container(m, 'v', "a(sssst)") > 0);
        assert_true(sd_bus_message_enter_container(m, 'a', "(sssst)") > 0);
        assert_true(sd_bus_message_read(m, "(sssst)", &kind, &role, &name, &at, &bytes) > 0);
        assert_true(streq(kind, "layer") && streq(role, "app") && streq(name, i->id) && streq(at, ""));
        assert_int_equal(bytes, 7);
        assert_true(sd_bus_message_read(m, "(sssst)", &kind, &role, &name, &at, &bytes) > 0);
        assert_true(streq(kind, "volume") && streq(name, "data") && streq(at, "/data"));
        assert_true(bytes == UINT64_MAX);
        assert_int_equal(sd_bus_message_at_end(m, false), 1);
}

static void test_products(void **state)
{
        Fixture *f = *state;
        const char *path, *id, *name;

        MESSAGE *m = assert_reply(manager_call(f, "SetProduct", "s",
                                                  PRODUCT("my-app", "{\"es\": \"Mía\", \"en\": \"Mine\"}")),
                        "o");
        assert_true(sd_bus_message_read(m, "o", &path) > 0);
        assert_string_equal(path, BUS_PRODUCT_PREFIX "/my_2dapp");
        assert_property(f, path, BUS_PRODUCT_INTERFACE, "Id", "my-app");
        assert_property(f, path, BUS_PRODUCT_INTERFACE, "Name", "Mine");
        assert_property(f, path, BUS_PRODUCT_INTERFACE, "Image", "docker.io/library/x:1");

        MESSAGE *list = assert_reply(manager_call(f, "ListProducts", NULL), "a(sso)");
        assert_true(sd_bus_message_enter_container(list, 'a', "(sso)") > 0);
        assert_true(sd_bus_message_read(list, "(sso)", &id, &name, &path) > 0);
        assert_string_equal(id, "my-app");
        assert_string_equal(name, "Mine");
        assert_int_equal(sd_bus_message_at_end(list, false), 1);

        MESSAGE *whole = assert_reply(manager_call(f, "GetProduct", "s", "my-app"), "s");
        assert_true(sd_bus_message_read(whole, "s", &name) > 0);
        assert_non_null(strstr(name, "\"id\":\"my-app\""));

        sd_bus_message_unref(assert_reply(manager_call(f, "DeleteProduct", "s", "my-app"), ""));
        assert_error(fixture_call(f, BUS_PRODUCT_PREFIX "/my_2dapp", PROPERTIES, "GetAll", "s",
                                     BUS_PRODUCT_INTERFACE),
                        SD_BUS_ERROR_UNKNOWN_OBJECT, NULL);
}

static void test_product_refused(void **state)
{
        Fixture *f = *state;

        assert_error(manager_call(f, "SetProduct", "s", ""), "InvalidArgument", "product is not valid JSON");
        assert_error(manager_call(f, "SetProduct", "s", "{\"id\": "), "InvalidArgument",
                        "product is not valid JSON: line 1, column 8");
        assert_error(manager_call(f, "SetProduct", "s",
                                     "{\"id\": \"a\", \"env\": {\"A\": \"\", \"A\": \"\"}}"),
                        "InvalidArgument", "“env.A” is there twice");
        assert_error(manager_call(f, "SetProduct", "s", "null"), "InvalidArgument", "product");
        assert_error(manager_call(f, "SetProduct", "s", "[1]"), "InvalidArgument", "must be an object");
        assert_error(manager_call(f, "SetProduct", "s", "{\"id\": \"A\", \"image\": \"x\"}"),
                        "InvalidArgument", NULL);
}

static void test_secrets(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        const char *key, *value, *text;

        MESSAGE *m = assert_reply(manager_call(f, "GetCredentials", "s", i->id), "a{ss}");
        assert_true(sd_bus_message_enter_container(m, 'a', "{ss}") > 0);
        assert_true(sd_bus_message_read(m, "{ss}", &key, &value) > 0);
        assert_string_equal(key, "user");
        assert_string_equal(value, "postgres");
        assert_true(sd_bus_message_read(m, "{ss}", &key, &value) > 0);
        assert_string_equal(key, "port");
        assert_string_equal(value, "5432");
        MESSAGE *compose = assert_reply(manager_call(f, "GetCompose", "s", i->id), "s");
        assert_true(sd_bus_message_read(compose, "s", &text) > 0);
        assert_string_equal(text, "name: test\n");
}

static void test_faults(void **state)
{
        Fixture *f = *state;
        static const char *const names[_FAULT_MAX] = {
                [FAULT_INVALID_ARGUMENT] = "InvalidArgument",
                [FAULT_UNAUTHENTICATED] = SD_BUS_ERROR_ACCESS_DENIED,
                [FAULT_ACCESS_DENIED] = SD_BUS_ERROR_ACCESS_DENIED,
                [FAULT_NO_SUCH_PRODUCT] = "NoSuchProduct",
                [FAULT_NO_SUCH_INSTANCE] = "NoSuchInstance",
                [FAULT_IN_USE] = "InUse",
                [FAULT_CONFLICT] = "Failed",
                [FAULT_QUOTA_EXCEEDED] = "QuotaExceeded",
                [FAULT_ENGINE_UNAVAILABLE] = "EngineUnavailable",
                [FAULT_STORE_UNAVAILABLE] = "StoreUnavailable",
                [FAULT_NOT_ISOLATED] = "NotIsolated",
                [FAULT_QUEUE_FULL] = "Failed",
                [FAULT_HOST_FULL] = "HostFull",
                [FAULT_FAILED] = "Failed",
        };

        for (Fault fault = FAULT_NONE + 1; fault < _FAULT_MAX; fault++) {
                fake_fail_next(f->manager, fault);
                assert_error(manager_call(f, "ListProducts", NULL), names[fault], "The test wished it");
        }
}

/* ---- Log control ------------------------------------------------------------------------------------------- */

static void test_log_control(void **state)
{
        Fixture *f = *state;
        const char *interface = BUS_LOG_INTERFACE;
        int before = log_get_max_level();

        assert_property(f, BUS_LOG_PATH, interface, "LogLevel", log_level_to_string(before));
        assert_property(f, BUS_LOG_PATH, interface, "SyslogIdentifier", program_invocation_short_name);
        sd_bus_message_unref(assert_reply(fixture_call(f, BUS_LOG_PATH, PROPERTIES, "Set", "ssv", interface,
                                                          "LogLevel", "s", "debug"),
                        ""));
        assert_int_equal(log_get_max_level(), LOG_DEBUG);
        assert_property(f, BUS_LOG_PATH, interface, "LogLevel", "debug");
        log_set_max_level(before);

        assert_error(fixture_call(f, BUS_LOG_PATH, PROPERTIES, "Set", "ssv", interface, "LogLevel", "s",
                                     "loud"),
                        "InvalidArgument", "LogLevel must be one of");
        assert_error(fixture_call(f, BUS_LOG_PATH, PROPERTIES, "Set", "ssv", interface, "LogLevel", "u", 7),
                        SD_BUS_ERROR_INVALID_ARGS, NULL);
        assert_error(fixture_call(f, BUS_LOG_PATH, PROPERTIES, "Set", "ssv", interface, "LogTarget", "s",
                                     "kmsg"),
                        SD_BUS_ERROR_PROPERTY_READ_ONLY, NULL);
        assert_int_equal(log_get_max_level(), before);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_create),
                BUS_TEST(test_options),
                BUS_TEST(test_long_strings),
                BUS_TEST(test_wrong_types),
                BUS_TEST(test_get_and_unknown),
                BUS_TEST(test_list),
                BUS_TEST(test_delete),
                BUS_TEST(test_usage),
                BUS_TEST(test_storage),
                BUS_TEST(test_products),
                BUS_TEST(test_product_refused),
                BUS_TEST(test_secrets),
                BUS_TEST(test_faults),
                BUS_TEST(test_log_control),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
