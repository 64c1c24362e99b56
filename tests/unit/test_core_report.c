/* SPDX-License-Identifier: MIT */

/* What core tells of how things are: what instances use. */

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core_fixture.h"

/* ---- Usage ---- */

static void ask_usage(World *w, Ask *a, const char *id)
{
        ask(w, a, "GetUsage", ROLE_LOCAL, "uid:1000", json_named("id", id));
}

static struct json_object *usage_item(const Ask *a, size_t n, const char *role, const char *container)
{
        struct json_object *item = json_object_array_get_idx(json_get(a->result, "items"), n);
        const char *text;

        assert_int_equal(json_get_string(item, "role", &text), 0);
        assert_string_equal(text, role);
        assert_int_equal(json_get_string(item, "container", &text), 0);
        assert_string_equal(text, container);
        return item;
}

static size_t count_items(const Ask *a)
{
        assert_int_equal(a->fault, FAULT_NONE);
        return json_object_array_length(json_get(a->result, "items"));
}

static size_t count_calls(World *w, const char *prefix)
{
        size_t n = 0;

        for (char **line = w->ports->log; line && *line; line++)
                n += startswith(*line, prefix) != NULL;
        return n;
}

static void test_usage(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *database = str_printf("%s_db", id);
        _cleanup_ask_ Ask a = { 0 };
        struct json_object *item;
        const char *text;
        uint64_t value;

        ask_usage(w, &a, id);
        world_run(w);
        assert_int_equal(count_items(&a), 2);
        item = usage_item(&a, 0, "app", id);
        assert_int_equal(json_get_u64(item, "memory", &value), 0);
        assert_true(value == 1000 + fake_ports_find(w->ports, RESOURCE_CONTAINER, id)->serial);
        assert_int_equal(json_get_u64(item, "pids_limit", &value), 0);
        assert_int_equal(value, 512);
        assert_null(json_get(item, "memory_limit"));
        assert_int_equal(json_get_string(item, "read_at", &text), 0);
        assert_string_equal(text, "2025-11-24T16:00:01.000000Z");
        item = usage_item(&a, 1, "db", database);
        assert_int_equal(json_get_u64(item, "cpu_nsec", &value), 0);
        assert_true(value == 2000 + fake_ports_find(w->ports, RESOURCE_CONTAINER, database)->serial);

        /* Of what does not run there is nothing to tell. */
        fake_ports_find(w->ports, RESOURCE_CONTAINER, id)->running = false;
        ask_usage(w, &a, id);
        world_run(w);
        assert_int_equal(count_items(&a), 1);
        (void) usage_item(&a, 0, "db", database);
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_CONTAINER, database));
        ask_usage(w, &a, id);
        world_run(w);
        assert_int_equal(count_items(&a), 0);
        ask_usage(w, &a, "client_zzzzzzzzzzzz");
        world_run(w);
        assert_int_equal(a.fault, FAULT_NO_SUCH_INSTANCE);
        ask_delete(w, &a, id);
        world_run(w);
        ask_usage(w, &a, id);
        world_run(w);
        assert_int_equal(count_items(&a), 0);
        world_check(w);
        world_free(w);
}

static void test_usage_without_a_database(void **state)
{
        World *w = world_created(VARIANT_ALONE);
        _cleanup_ask_ Ask a = { 0 };

        ask_usage(w, &a, world_id(w));
        world_run(w);
        assert_int_equal(count_items(&a), 1);
        (void) usage_item(&a, 0, "app", world_id(w));
        world_free(w);
}

/* Many ask at once, some of them leave: the engine is asked once, and those who stay are answered. */
static void test_usage_is_shared(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        const char *id = world_id(w);
        Ask asks[20] = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(asks); i++)
                ask_usage(w, asks + i, id);
        assert_true(fake_ports_step(w->ports));
        ask_drop(asks + 0);
        ask_drop(asks + 7);
        ask_drop(asks + 19);
        world_run(w);
        assert_int_equal(count_calls(w, "container_usage"), 2);
        for (size_t i = 0; i < ELEMENTSOF(asks); i++) {
                bool left = i == 0 || i == 7 || i == 19;

                assert_int_equal(asks[i].answered, !left);
                if (!left)
                        assert_int_equal(count_items(asks + i), 2);
                ask_done(asks + i);
        }
        /* All leave: so does the question. */
        ask_usage(w, asks + 0, id);
        ask_usage(w, asks + 1, id);
        ask_drop(asks + 0);
        ask_drop(asks + 1);
        world_run(w);
        assert_int_equal(count_calls(w, "container_usage"), 3);
        assert_int_equal(count_calls(w, "= container_usage"), 2);
        ask_usage(w, asks + 0, id);
        world_run(w);
        assert_int_equal(count_items(asks + 0), 2);
        ask_done(asks + 0);
        world_check(w);
        world_free(w);
}

static bool try_usage_fault(size_t call, FakeFault fault)
{
        World *w = world_created(VARIANT_STRIP);
        Ask asks[2] = { 0 };
        bool reached;

        world_case("usage, call %zu %s", call, fake_fault_to_string(fault));
        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + call, fault };
        ask_usage(w, asks + 0, world_id(w));
        ask_usage(w, asks + 1, world_id(w));
        world_run(w);
        reached = w->ports->n_calls > w->ports->plans[0].call;
        for (size_t i = 0; i < ELEMENTSOF(asks); i++) {
                world_assert(w, asks[i].answered);
                world_assert(w, asks[i].fault == FAULT_NONE || asks[i].fault == FAULT_FAILED ||
                                                asks[i].fault == FAULT_ENGINE_UNAVAILABLE);
                if (reached && fault != FAKE_FINE && asks[i].fault == FAULT_NONE)
                        world_assert(w, count_items(asks + i) == 2);
                ask_done(asks + i);
        }
        w->ports->plans[0].call = SIZE_MAX;
        ask_usage(w, asks + 0, world_id(w));
        world_run(w);
        world_assert(w, count_items(asks + 0) == 2);
        ask_done(asks + 0);
        world_check(w);
        world_free(w);
        return reached;
}

static void test_usage_faults(void **state)
{
        for (FakeFault fault = FAKE_FINE; fault < FAKE_STALLED; fault++)
                for (size_t call = 0; try_usage_fault(call, fault); call++)
                        ;
}

static void test_usage_without_the_engine(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        fake_ports_lose(w->ports, FAKE_ENGINE, UINT64_MAX);
        ask_usage(w, &a, world_id(w));
        world_run(w);
        assert_int_equal(a.fault, FAULT_ENGINE_UNAVAILABLE);
        assert_true(a.retry_after_s > 0);
        fake_ports_return(w->ports, FAKE_ENGINE);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_usage),
                cmocka_unit_test(test_usage_without_a_database),
                cmocka_unit_test(test_usage_is_shared),
                cmocka_unit_test(test_usage_faults),
                cmocka_unit_test(test_usage_without_the_engine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
