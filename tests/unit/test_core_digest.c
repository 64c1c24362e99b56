/* SPDX-License-Identifier: MIT */

/* What containers were made from: the words that say so stay what they are, whatever arkd comes to add by itself. */

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/spec/digest.h"
#include "core/spec/spec.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

static char *capabilities[] = { (char *) "CHOWN", (char *) "KILL", NULL };

/* One that has something of everything. */
static ContainerSpec whole_spec(StringPairs *env, StringPairs *labels)
{
        static const char *const health[] = { "pg_isready", "-h", "127.0.0.1", NULL };

        assert_int_equal(string_pairs_add(env, "A", "1"), 0);
        assert_int_equal(string_pairs_add(env, "B", "\"x\"\n"), 0);
        assert_int_equal(string_pairs_add(labels, "l", "m"), 0);
        return (ContainerSpec){
                .name = "client_a",
                .image = "docker.io/library/x:1",
                .env = env,
                .labels = labels,
                .user = "65534",
                .capabilities = capabilities,
                .limits = { .memory = 1 << 20, .nano_cpus = 500000000, .pids = 64 },
                .read_only = true,
                .volume = "client_a_db_data",
                .volume_path = "/data",
                .health_command = health,
                .slice = "ark-client_a.slice",
                .networks = { { "client_a_net", NULL }, { "ark_production", "10.231.0.2" } },
                .n_networks = 2,
        };
}

/* Who changes one of these has every container of every customer made again. */
static void test_frozen(void **state)
{
        StringPairs env = { 0 }, labels = { 0 };
        ContainerSpec spec = whole_spec(&env, &labels);
        char digest[DIGEST_MAX];

        assert_int_equal(container_former_digest(&spec, digest), 0);
        assert_string_equal(digest, "5e64171655499d48d8b61b6e42f75b2c3dcbbe71d11fb28dd59b193099cd42b8");
        assert_int_equal(container_digest(&spec, digest), 0);
        assert_string_equal(digest, "v2:aa86a3b797fd1f58147ee313eea34b36e52af7a26fbbb16abc9a66c5c67b02ac");
        string_pairs_done(&env);
        string_pairs_done(&labels);
}

static bool differs(const ContainerSpec *a, const ContainerSpec *b)
{
        char one[DIGEST_MAX], other[DIGEST_MAX];

        assert_int_equal(container_digest(a, one), 0);
        assert_int_equal(container_digest(b, other), 0);
        return !streq(one, other);
}

#define DIFFERS(member, ...)                                                                                \
        ({                                                                                                  \
                ContainerSpec _other = spec;                                                                \
                _other.member = __VA_ARGS__;                                                                \
                differs(&spec, &_other);                                                                    \
        })

static void test_what_counts(void **state)
{
        StringPairs env = { 0 }, labels = { 0 }, none = { 0 };
        ContainerSpec spec = whole_spec(&env, &labels);
        static const char *const health[] = { "true", NULL };

        assert_true(DIFFERS(image, "y"));
        assert_true(DIFFERS(user, NULL));
        assert_true(DIFFERS(capabilities, NULL));
        assert_true(DIFFERS(capabilities, capabilities + 1));
        assert_true(DIFFERS(limits.memory, 0));
        assert_true(DIFFERS(limits.nano_cpus, 1));
        assert_true(DIFFERS(limits.pids, 65));
        assert_true(DIFFERS(read_only, false));
        assert_true(DIFFERS(own_init, true));
        assert_true(DIFFERS(new_privileges, true));
        assert_true(DIFFERS(shm_size, 1));
        assert_true(DIFFERS(volume, NULL));
        assert_true(DIFFERS(volume_path, "/"));
        assert_true(DIFFERS(env, &none));
        assert_true(DIFFERS(networks[1].address, "10.231.0.3"));
        assert_true(DIFFERS(networks[0].network, "x"));
        /* What arkd decides by itself. */
        assert_false(DIFFERS(labels, &none));
        assert_false(DIFFERS(slice, NULL));
        assert_false(DIFFERS(health_command, health));
        assert_false(DIFFERS(volume_labels, &labels));
        assert_false(DIFFERS(networks[0].alias, "db"));
        assert_false(DIFFERS(own_address, "10.231.0.2"));
        string_pairs_done(&env);
        string_pairs_done(&labels);
}

static FakeResource *app_of(World *w)
{
        FakeResource *app = fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w));

        assert_non_null(app);
        return app;
}

/* As a version before this one has made it, or one after it. */
static void relabel(World *w, const char *digest)
{
        FakeResource *app = app_of(w);
        StringPairs labels = { 0 };

        for (size_t k = 0; k < app->labels.n; k++) {
                const StringPair *label = app->labels.items + k;

                assert_int_equal(string_pairs_add(&labels, label->key,
                                                 streq(label->key, ARK_LABEL_HASH) ? digest : label->value),
                                0);
        }
        string_pairs_done(&app->labels);
        app->labels = labels;
}

static void restart(World *w)
{
        _cleanup_ask_ Ask a = { 0 };

        ask_now(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        assert_int_equal(a.fault, FAULT_NONE);
}

static void test_upgrade(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_(instance_spec_freep) InstanceSpec *spec = NULL;
        unsigned serial = app_of(w)->serial;

        assert_int_equal(instance_spec_new(w->manager, world_first(w), &spec), 0);
        relabel(w, spec->app.former_digest);
        world_stop(w);
        world_start(w);
        world_run(w);
        restart(w);
        assert_int_equal(app_of(w)->serial, serial);
        relabel(w, "v3:0123");
        restart(w);
        assert_int_equal(app_of(w)->serial, serial);
        world_check(w);
        world_free(w);
}

static char *url_of(World *w)
{
        _cleanup_(instance_spec_freep) InstanceSpec *spec = NULL;

        assert_int_equal(instance_spec_new(w->manager, world_first(w), &spec), 0);
        assert_string_equal(spec->database.networks[0].alias, "db");
        assert_null(spec->app.networks[0].alias);
        assert_null(spec->app.networks[1].alias);
        assert_string_equal(string_pairs_get(spec->app.env, "DB_HOST"), spec->names.database);
        return strdup(string_pairs_get(spec->app.env, "DATABASE_URL"));
}

/* What is there already was told its database's name: it is not made again to be told another. */
static void test_alias(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        const char *record = fake_ports_record(w->ports, STORE_INSTANCE, world_id(w));
        _cleanup_free_ char *old = str_replace(record, "\"database_alias\":true,", ""), *name = NULL,
                            *before = url_of(w), *after = NULL;
        uint64_t created = world_first(w)->created_usec;

        name = str_printf("@%s_db:5432/", world_id(w));
        assert_true(old && before && strlen(old) < strlen(record));
        assert_non_null(strstr(before, "@db:5432/"));
        fake_ports_put(w->ports, STORE_INSTANCE, world_id(w), old, created);
        world_stop(w);
        world_start(w);
        world_run(w);
        after = url_of(w);
        assert_non_null(strstr(after, name));
        world_check(w);
        world_free(w);
}

static void test_left_out(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_(instance_spec_freep) InstanceSpec *spec = NULL;
        _cleanup_free_ char *field = NULL, *reason = NULL;
        _cleanup_json_ struct json_object *json = json_of(
                        "{\"id\":\"p0\",\"name\":\"x\",\"image\":\"a\",\"env\":{\"DATABASE_URL\":null}}");
        Instance *i = world_first(w);

        product_unref(i->product);
        assert_int_equal(product_new_from_json(json, &i->product, &field, &reason), 0);
        assert_int_equal(instance_spec_new(w->manager, i, &spec), 0);
        assert_null(string_pairs_get(spec->app.env, "DATABASE_URL"));
        assert_non_null(string_pairs_get(spec->app.env, "DB_PASSWORD"));
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_frozen),
                cmocka_unit_test(test_what_counts),
                cmocka_unit_test(test_upgrade),
                cmocka_unit_test(test_alias),
                cmocka_unit_test(test_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
