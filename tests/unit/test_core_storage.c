/* SPDX-License-Identifier: MIT */

/* How much room instances take up: what is told of it, and how rarely the engine is asked. */

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/ports.h"
#include "core/registry/state.h"
#include "core/registry/storage.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

static size_t count_calls(World *w)
{
        size_t n = 0;

        for (char **line = w->ports->log; line && *line; line++)
                n += startswith(*line, "measure_sizes") != NULL;
        return n;
}

static void pass(World *w, uint64_t usec)
{
        fake_clock_move(fake_clock_now() + usec);
        world_run(w);
}

static void ask_usage(World *w, Ask *a)
{
        ask(w, a, "GetUsage", ROLE_LOCAL, "uid:1000", json_named("id", world_id(w)));
        world_run(w);
        assert_int_equal(a->fault, FAULT_NONE);
}

static void assert_item(const Ask *a, size_t k, const char *kind, const char *role, const char *name,
                const char *path, uint64_t bytes)
{
        struct json_object *items = json_get(json_get(a->result, "storage"), "items"),
                           *item = json_object_array_get_idx(items, k);
        uint64_t found = USAGE_UNKNOWN;

        assert_non_null(item);
        assert_string_equal(json_object_get_string(json_get(item, "kind")), kind);
        assert_string_equal(json_object_get_string(json_get(item, "role")), role);
        assert_string_equal(json_object_get_string(json_get(item, "name")), name);
        assert_true(streq_ptr(json_object_get_string(json_get(item, "path")), path));
        (void) json_get_u64(item, "bytes", &found);
        assert_true(found == bytes);
}

static uint64_t serial_of(World *w, ResourceKind kind, const char *name)
{
        return fake_ports_find(w->ports, kind, name)->serial;
}

static bool is_measured(const Ask *a)
{
        return json_get(json_get(a->result, "storage"), "measured_at");
}

/* All that it has: layers, the database's volume, and those of the image. */
static void test_items(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 }, a = { 0 };
        _cleanup_free_ char *database = NULL, *data = NULL, *volume = NULL;
        const char *id;

        w->ports->app_volume = "/var/lib/app";
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        id = world_id(w);
        database = str_printf("%s_db", id);
        data = str_printf("%s_db_data", id);
        volume = str_printf("%s_var_lib_app", id);
        ask_usage(w, &a);
        assert_true(is_measured(&a));
        assert_item(&a, 0, "layer", "app", id, NULL, serial_of(w, RESOURCE_CONTAINER, id));
        assert_item(&a, 1, "layer", "db", database, NULL, serial_of(w, RESOURCE_CONTAINER, database));
        assert_item(&a, 2, "volume", "db", data, "/var/lib/postgresql/data",
                        1000 * serial_of(w, RESOURCE_VOLUME, data));
        assert_item(&a, 3, "volume", "app", volume, "/var/lib/app",
                        1000 * serial_of(w, RESOURCE_VOLUME, volume));
        assert_int_equal(json_object_array_length(json_get(json_get(a.result, "storage"), "items")), 4);
        world_delete(w);
        world_check(w);
        world_free(w);
}

/* Who asks again is told the same for a minute, and after that not more often than a twentieth of the time. */
static void test_rarely(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        for (int i = 0; i < 5; i++)
                ask_usage(w, &a);
        assert_int_equal(count_calls(w), 1);
        pass(w, USEC_PER_MINUTE);
        ask_usage(w, &a);
        assert_int_equal(count_calls(w), 2);
        /* It took ten minutes, and failed. */
        pass(w, USEC_PER_MINUTE);
        w->ports->slow = "measure_sizes";
        ask_usage(w, &a);
        assert_int_equal(count_calls(w), 3);
        assert_true(is_measured(&a)); /* as of before */
        w->ports->slow = NULL;
        pass(w, 199 * USEC_PER_MINUTE);
        ask_usage(w, &a);
        assert_int_equal(count_calls(w), 3);
        pass(w, 2 * USEC_PER_MINUTE);
        ask_usage(w, &a);
        assert_int_equal(count_calls(w), 4);
        world_free(w);
}

/* Whether anybody asks or not. */
static void test_by_itself(void **state)
{
        World *w = world_created(VARIANT_STRIP);

        assert_int_equal(storage_measured_usec(w->manager), 0);
        pass(w, 2 * USEC_PER_MINUTE);
        assert_int_equal(count_calls(w), 1);
        assert_true(storage_measured_usec(w->manager) == now_realtime());
        pass(w, 29 * USEC_PER_MINUTE);
        assert_int_equal(count_calls(w), 1);
        pass(w, 2 * USEC_PER_MINUTE);
        assert_int_equal(count_calls(w), 2);
        world_check(w);
        world_free(w);
}

/* An engine that takes its time keeps nobody waiting, and one that fails is no failure. */
static void test_without_sizes(void **state)
{
        World *w = world_created(VARIANT_ALONE);
        _cleanup_ask_ Ask a = { 0 };
        uint64_t begun = fake_clock_now();

        w->ports->slow = "measure_sizes";
        ask(w, &a, "GetUsage", ROLE_LOCAL, "uid:1000", json_named("id", world_id(w)));
        while (!a.answered)
                assert_true(fake_ports_step(w->ports));
        assert_true(fake_clock_now() - begun <= 2 * USEC_PER_SEC);
        assert_false(is_measured(&a));
        assert_item(&a, 0, "layer", "app", world_id(w), NULL, USAGE_UNKNOWN);
        world_free(w);

        w = world_created(VARIANT_ALONE);
        w->ports->failing = "measure_sizes";
        ask_usage(w, &a);
        assert_false(is_measured(&a));
        assert_item(&a, 0, "layer", "app", world_id(w), NULL, USAGE_UNKNOWN);
        world_check(w);
        world_free(w);
}

/* Jobs come first. */
static void test_while_a_job_runs(void **state)
{
        World *w = world_created(VARIANT_ALONE);
        _cleanup_ask_ Ask create = { 0 }, a = { 0 };

        w->ports->slow = "http_get";
        ask_create(w, &create, VARIANT_ALONE_KEEP);
        while (!create.answered)
                assert_true(fake_ports_step(w->ports));
        assert_true(w->manager->n_running[1] > 0);
        ask(w, &a, "GetUsage", ROLE_LOCAL, "uid:1000", json_named("id", world_id(w)));
        while (!a.answered)
                assert_true(fake_ports_step(w->ports));
        assert_int_equal(count_calls(w), 0);
        assert_false(is_measured(&a));
        w->ports->slow = NULL;
        world_run(w);
        pass(w, 6 * USEC_PER_MINUTE);
        assert_int_equal(count_calls(w), 1);
        world_free(w);
}

static void test_without_instances(void **state)
{
        World *w = world_new();

        world_run(w);
        pass(w, USEC_PER_HOUR);
        assert_int_equal(count_calls(w), 0);
        world_free(w);
}

static double metric(const Ask *a, const char *name)
{
        struct json_object *families = json_get(a->result, "families");

        for (size_t i = 0; i < json_object_array_length(families); i++) {
                struct json_object *family = json_object_array_get_idx(families, i);

                if (streq(json_object_get_string(json_get(family, "name")), name))
                        return json_object_get_double(json_get(
                                        json_object_array_get_idx(json_get(family, "samples"), 0), "value"));
        }
        return -1;
}

static void test_metrics(void **state)
{
        World *w = world_created(VARIANT_ALONE);
        _cleanup_ask_ Ask a = { 0 };
        uint64_t bytes = serial_of(w, RESOURCE_CONTAINER, world_id(w));

        ask_now(w, &a, "GetMetrics", ROLE_OPERATOR, "token", NULL);
        assert_true(metric(&a, "arkd_instance_layer_bytes") < 0); /* nothing is made up */
        pass(w, 2 * USEC_PER_MINUTE);
        ask_done(&a);
        a = (Ask){ 0 };
        ask_now(w, &a, "GetMetrics", ROLE_OPERATOR, "token", NULL);
        assert_int_equal(metric(&a, "arkd_instance_layer_bytes"), bytes);
        assert_int_equal(metric(&a, "arkd_instance_largest_bytes"), bytes);
        assert_int_equal(metric(&a, "arkd_instance_volume_bytes"), 0);
        assert_int_equal(metric(&a, "arkd_instance_bytes_measured_seconds"),
                        storage_measured_usec(w->manager) / USEC_PER_SEC);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_items),
                cmocka_unit_test(test_rarely),
                cmocka_unit_test(test_by_itself),
                cmocka_unit_test(test_without_sizes),
                cmocka_unit_test(test_while_a_job_runs),
                cmocka_unit_test(test_without_instances),
                cmocka_unit_test(test_metrics),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
