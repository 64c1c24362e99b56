/* SPDX-License-Identifier: MIT */
#include "bus_fixture.h"

#include <spawn.h>
#include <sys/wait.h>

#include "basic/file-util.h"
#include "core/model/instance.h"

#define assert_signals(f, text)                                                                             \
        do {                                                                                                \
                _cleanup_free_ char *expected = (text);                                                     \
                fixture_settle(f);                                                                          \
                assert_string_equal((f)->signals, expected);                                                \
                (f)->signals[0] = '\0';                                                                     \
        } while (0)

/* ---- Objects and signals ----------------------------------------------------------------------------------- */

static void test_instance_properties(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        _cleanup_free_ char *path = fixture_instance_path(i), *db = str_printf("%s_db", i->id),
                            *created = str_printf("%llu", (unsigned long long) i->created_usec);
        const char *interface = BUS_INSTANCE_INTERFACE;

        i->progress = 0.25;
        i->phase = PHASE_DATABASE;
        assert_property(f, path, interface, "Id", i->id);
        assert_property(f, path, interface, "ProductId", "shop");
        assert_property(f, path, interface, "ClientName", "Acme");
        assert_property(f, path, interface, "Status", "pending");
        assert_property(f, path, interface, "Phase", "database");
        assert_property(f, path, interface, "Progress", "0.25");
        assert_property(f, path, interface, "Message", "");
        assert_property(f, path, interface, "Error", "");
        assert_property(f, path, interface, "AccessUrl", i->access_url);
        assert_property(f, path, interface, "DbName", db);
        assert_property(f, path, interface, "CreatedAt", created);
        assert_property(f, path, interface, "ExpiresAt", "18446744073709551615");
        i->error_step = strdup("health");
        i->error_reason = strdup("The application did not answer");
        assert_property(f, path, interface, "Error", "health: The application did not answer");
        i->has_database = false;
        assert_property(f, path, interface, "DbName", "");
        assert_error(fixture_call(f, path, PROPERTIES, "Set", "ssv", interface, "Status", "s", "running"),
                        SD_BUS_ERROR_PROPERTY_READ_ONLY, NULL);
        assert_error(fixture_call(f, BUS_INSTANCE_PREFIX "/client_x", PROPERTIES, "Get", "ss", interface,
                                     "Id"),
                        SD_BUS_ERROR_UNKNOWN_OBJECT, NULL);
}

static void test_instance_signals(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        _cleanup_free_ char *path = fixture_instance_path(i);

        assert_signals(f, str_printf("InterfacesAdded %s \nPropertiesChanged " BUS_PATH " InstanceCount\n",
                                          path));
        assert_property(f, BUS_PATH, BUS_MANAGER_INTERFACE, "InstanceCount", "1");
        fake_instance_changed(f->manager, i);
        assert_signals(f, strdup(""));

        i->phase = PHASE_IMAGE;
        i->progress = 0.1;
        fake_instance_changed(f->manager, i);
        i->message = strdup("Fetching the image");
        fake_instance_changed(f->manager, i);
        assert_signals(f, str_printf("PropertiesChanged %s Phase,Progress\nPropertiesChanged %s Message\n",
                                          path, path));
        i->status = INSTANCE_FAILED;
        i->error_reason = strdup("No");
        i->expires_usec = 1;
        fake_instance_changed(f->manager, i);
        fake_instance_changed(f->manager, i);
        assert_signals(f, str_printf("PropertiesChanged %s Status,Error,ExpiresAt\n", path));

        fake_remove_instance(f->manager, i, false);
        assert_signals(f, str_printf("PropertiesChanged %s Status\nInterfacesRemoved %s \n"
                                     "PropertiesChanged " BUS_PATH " InstanceCount\n",
                                          path, path));
        assert_property(f, BUS_PATH, BUS_MANAGER_INTERFACE, "InstanceCount", "0");
}

static void test_product_signals(void **state)
{
        Fixture *f = *state;
        const char *path = BUS_PRODUCT_PREFIX "/shop";

        fake_add_product(f->manager, PRODUCT("shop", "\"Shop\""));
        assert_signals(f, str_printf("InterfacesAdded %s \n", path));
        fake_add_product(f->manager, PRODUCT("shop", "\"Shop\""));
        assert_signals(f, strdup(""));
        fake_add_product(f->manager, PRODUCT("shop", "\"Store\""));
        assert_signals(f, str_printf("PropertiesChanged %s Name,Json\n", path));
        assert_property(f, path, BUS_PRODUCT_INTERFACE, "Name", "Store");
        sd_bus_message_unref(assert_reply(manager_call(f, "DeleteProduct", "s", "shop"), ""));
        assert_signals(f, str_printf("InterfacesRemoved %s \n", path));
}

static void test_connected(void **state)
{
        Fixture *f = *state;

        assert_property(f, BUS_PATH, BUS_MANAGER_INTERFACE, "EngineConnected", "true");
        fake_set_connected(f->manager, false, true);
        fake_set_connected(f->manager, false, true);
        assert_signals(f, strdup("PropertiesChanged " BUS_PATH " EngineConnected\n"));
        fake_set_connected(f->manager, true, false);
        assert_signals(f, strdup("PropertiesChanged " BUS_PATH " EngineConnected,StoreConnected\n"));
        assert_property(f, BUS_PATH, BUS_MANAGER_INTERFACE, "StoreConnected", "false");
}

/* The links' base, and the volumes of nobody. */
static void test_report(void **state)
{
        Fixture *f = *state;
        _cleanup_(strv_freep) char **names = NULL, **read = NULL;

        assert_int_equal(strv_split("client_a_db_data client_b_db_data", " ", &names), 0);
        assert_property(f, BUS_PATH, BUS_MANAGER_INTERFACE, "BaseURL", "http://localhost:3000");
        fake_set_report(f->manager, "https://apps.example", names + 1);
        fake_set_report(f->manager, "https://apps.example", names + 1);
        assert_signals(f,
                        strdup("PropertiesChanged " BUS_PATH " BaseURL,ApplicationsURL,OwnerlessVolumes\n"));
        assert_property(f, BUS_PATH, BUS_MANAGER_INTERFACE, "BaseURL", "https://apps.example");
        fake_set_report(f->manager, "https://apps.example", names);
        assert_signals(f, strdup("PropertiesChanged " BUS_PATH " OwnerlessVolumes\n"));
        MESSAGE *m = fixture_call(
                        f, BUS_PATH, PROPERTIES, "Get", "ss", BUS_MANAGER_INTERFACE, "OwnerlessVolumes");
        assert_int_equal(sd_bus_message_enter_container(m, 'v', "as"), 1);
        assert_true(sd_bus_message_read_strv(m, &read) >= 0);
        assert_true(strv_equal(read, names));
        fake_set_report(f->manager, "https://apps.example", NULL);
        assert_signals(f, strdup("PropertiesChanged " BUS_PATH " OwnerlessVolumes\n"));
}

/* The paths of GetManagedObjects, in the order they come, a line each. */
static char *managed_paths(Fixture *f)
{
        MESSAGE *m = assert_reply(fixture_call(f, BUS_PATH, "org.freedesktop.DBus.ObjectManager",
                                                  "GetManagedObjects", NULL),
                        "a{oa{sa{sv}}}");
        char *all = strdup(""), *more;
        const char *path;

        assert_true(sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}") > 0);
        while (sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}") > 0) {
                assert_true(sd_bus_message_read(m, "o", &path) > 0);
                assert_true(sd_bus_message_skip(m, "a{sa{sv}}") > 0);
                assert_true(sd_bus_message_exit_container(m) > 0);
                more = str_printf("%s%s\n", all, path);
                free(all);
                all = more;
        }
        return all;
}

static void test_managed_objects(void **state)
{
        Fixture *f = *state;
        Instance *a = fake_add_instance(f->manager, "shop", "A"),
                 *b = fake_add_instance(f->manager, "shop", "B");
        _cleanup_free_ char *a_path = fixture_instance_path(a), *b_path = fixture_instance_path(b);

        fake_add_product(f->manager, PRODUCT("shop", "\"Shop\""));
        fake_remove_instance(f->manager, b, true);
        _cleanup_free_ char *paths = managed_paths(f);
        assert_non_null(strstr(paths, a_path));
        assert_null(strstr(paths, b_path));
        assert_non_null(strstr(paths, BUS_PRODUCT_PREFIX "/shop\n"));

        /* Another service on the same manager, as after the bus was away: it begins with what there is. */
        f->api = bus_api_free(f->api);
        assert_error(manager_call(f, "ListProducts", NULL), SD_BUS_ERROR_UNKNOWN_OBJECT, NULL);
        assert_true(bus_api_new(f->service, f->manager, &f->api) >= 0);
        _cleanup_free_ char *again = managed_paths(f);
        assert_string_equal(again, paths);
}

static void test_product_paths(void **state)
{
        Fixture *f = *state;
        static const char *const paths[] = { BUS_PRODUCT_PREFIX "/_73hop", BUS_PRODUCT_PREFIX "/shop/x",
                BUS_PRODUCT_PREFIX "/_", BUS_PRODUCT_PREFIX "/_2e_2e", BUS_PRODUCT_PREFIX };

        fake_add_product(f->manager, PRODUCT("shop", "\"Shop\""));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                MESSAGE *m = fixture_call(f, paths[i], PROPERTIES, "Get", "ss", BUS_PRODUCT_INTERFACE, "Id");

                assert_non_null(sd_bus_message_get_error(m));
        }
}

/* ---- Introspection ----------------------------------------------------------------------------------------- */

static int run_compare(const char *introspected, const char *document)
{
        char *argv[] = { (char *) "python3", (char *) getenv("ARK_COMPARE_INTROSPECTION"),
                (char *) introspected, (char *) document, NULL };
        int status = -1;
        pid_t pid;

        assert_non_null(argv[1]);
        assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void assert_documented(Fixture *f, const char *path, const char *interface)
{
        _cleanup_free_ char *file = str_printf("%s/introspected.xml", f->directory);
        _cleanup_free_ char *document =
                        str_printf("%s/%s.xml", strempty(getenv("ARK_INTERFACES")), interface);
        MESSAGE *m = assert_reply(
                        fixture_call(f, path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL),
                        "s");
        const char *text;

        assert_true(sd_bus_message_read(m, "s", &text) > 0);
        assert_int_equal(write_file_atomic(file, text, 0600), 0);
        assert_int_equal(run_compare(file, document), 0);
        (void) unlink(file);
}

static void test_introspection(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        _cleanup_free_ char *path = fixture_instance_path(i);

        fake_add_product(f->manager, PRODUCT("shop", "\"Shop\""));
        assert_documented(f, BUS_PATH, BUS_MANAGER_INTERFACE);
        assert_documented(f, path, BUS_INSTANCE_INTERFACE);
        assert_documented(f, BUS_PRODUCT_PREFIX "/shop", BUS_PRODUCT_INTERFACE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_instance_properties),
                BUS_TEST(test_instance_signals),
                BUS_TEST(test_product_signals),
                BUS_TEST(test_connected),
                BUS_TEST(test_report),
                BUS_TEST(test_managed_objects),
                BUS_TEST(test_product_paths),
                BUS_TEST(test_introspection),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
