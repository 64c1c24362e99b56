/* SPDX-License-Identifier: MIT */

/* Looks at the engine that go wrong, and what it does not tell: what is remembered comes to be true all the same. */

#include "basic/time-util.h"
#include "core_fixture.h"
#include "fake_clock.h"

static void tell(World *w, const char *role, const char *event)
{
        w->ports->on_event(world_id(w), role, event, w->ports->watcher[FAKE_ENGINE]);
}

static FakeResource *app_of(World *w)
{
        return fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w));
}

static FakeResource *database_of(World *w)
{
        InstanceNames names;

        instance_names(world_first(w), &names);
        return fake_ports_find(w->ports, RESOURCE_CONTAINER, names.database);
}

/* Time passes, and what is done now and then is done. */
static void wait_for_upkeep(World *w, uint64_t usec)
{
        fake_clock_move(fake_clock_now() + usec);
        world_run(w);
}

/* ---- Instances ---- */

static const FakeFault look_faults[] = { FAKE_REFUSED, FAKE_NO_MEMORY, FAKE_FAILED, FAKE_TIMED_OUT,
        FAKE_LOST };

/* The engine tells once. call: of the look, from 0; times: that it fails one after the other. */
static void try_look(FakeFault fault, size_t call, size_t times, bool database)
{
        World *w = world_created(VARIANT_STRIP);
        FakeResource *ended = database ? database_of(w) : app_of(w);

        world_case("call %zu of the look %s, %zu times", call, fake_fault_to_string(fault), times);
        ended->running = false;
        ended->exit_code = 1;
        for (size_t i = 0; i < times; i++)
                w->ports->plans[i] = (FakePlan){ w->ports->n_calls + call + i * (call + 1), fault };
        tell(w, database ? "db" : "app", "die");
        world_run(w);
        world_assert(w, strcmp(world_status(w), "failed") == 0);
        world_check(w);
        world_free(w);
}

static void test_failed_look_is_repeated(void **state)
{
        for (size_t f = 0; f < ELEMENTSOF(look_faults); f++)
                for (size_t times = 1; times <= 3; times++)
                        for (size_t call = 0; call < 2; call++) {
                                try_look(look_faults[f], call, times, false);
                                try_look(look_faults[f], call, times, true);
                        }
}

/* One that waits to be repeated is repeated at once where something else happens, and dropped with its instance. */
static void test_look_that_waits(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        uint64_t began;

        w->ports->failing = "inspect_";
        app_of(w)->running = false;
        tell(w, "app", "die");
        began = fake_clock_now();
        while (fake_clock_now() - began < 20 * USEC_PER_SEC || w->ports->n_flying > 0)
                assert_true(fake_ports_step(w->ports));
        assert_string_equal(world_status(w), "running");
        w->ports->failing = NULL;
        began = fake_clock_now();
        tell(w, "app", "die");
        while (strcmp(world_status(w), "failed") != 0)
                assert_true(fake_ports_step(w->ports));
        assert_true(fake_clock_now() == began);
        world_run(w);
        world_check(w);

        w->ports->failing = "inspect_";
        tell(w, "app", "die");
        for (int i = 0; i < 3; i++)
                assert_true(fake_ports_step(w->ports));
        w->ports->failing = NULL;
        ask_delete(w, &a, world_id(w));
        world_run(w);
        assert_string_equal(world_status(w), "deleted");
        world_check(w);

        world_free(w);
}

/* An engine that fails for long is asked ever more rarely. */
static void test_looks_become_rare(void **state)
{
        World *w = world_created(VARIANT_ALONE);
        uint64_t began = fake_clock_now();
        size_t calls = w->ports->n_calls;

        w->ports->failing = "inspect_";
        tell(w, "app", "die");
        while (fake_clock_now() - began < 10 * USEC_PER_MINUTE)
                assert_true(fake_ports_step(w->ports));
        assert_in_range(w->ports->n_calls - calls, 10, 30);
        w->ports->failing = NULL;
        app_of(w)->running = false;
        began = fake_clock_now();
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_true(fake_clock_now() - began <= 70 * USEC_PER_SEC);
        world_free(w);
}

/* What the engine never told is found out, and what runs as it should costs no look. */
static void test_events_that_never_come(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        size_t calls = w->ports->n_calls;

        wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
        assert_int_equal(w->ports->n_calls, calls + 1);
        database_of(w)->running = false;
        wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
        assert_string_equal(world_status(w), "failed");
        database_of(w)->running = true;
        wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
        assert_string_equal(world_status(w), "running");
        app_of(w)->restarting = true;
        tell(w, "app", "die");
        world_run(w);
        assert_non_null(strstr(world_first(w)->message, "restarted"));
        app_of(w)->restarting = false;
        wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
        assert_string_equal(world_first(w)->message, "Ready");
        world_check(w);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_failed_look_is_repeated),
                cmocka_unit_test(test_look_that_waits),
                cmocka_unit_test(test_looks_become_rare),
                cmocka_unit_test(test_events_that_never_come),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
