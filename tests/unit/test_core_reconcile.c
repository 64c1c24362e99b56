/* SPDX-License-Identifier: MIT */

/* Looks at the engine that go wrong, and what it does not tell: what is remembered comes to be true all the same. */

#include <stdio.h>

#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/spec/deletion-mark.h"
#include "core/upkeep/ownerless.h"
#include "core/verbs/request.h"
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

/* But for those that ask an application whether it answers. */
static size_t count_calls(const World *w)
{
        size_t n = w->ports->n_calls;

        for (char *const *line = w->ports->log; *line; line++)
                n -= startswith(*line, "http_get") != NULL;
        return n;
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
        size_t calls;

        wait_for_upkeep(w, 6 * USEC_PER_MINUTE); /* sizes are measured, too */
        calls = count_calls(w);
        wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
        assert_int_equal(count_calls(w), calls + 1);
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

/* ---- What a job found out ---- */

/* A restart whose application never answers. */
static World *world_failed(Ask *a)
{
        World *w = world_created(VARIANT_STRIP);

        w->ports->app_is_deaf = true;
        ask(w, a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        return w;
}

static void assert_verdict(World *w)
{
        world_assert(w, strcmp(world_status(w), "failed") == 0);
        world_assert(w, strcmp(world_first(w)->error_step, "health") == 0);
        world_assert(w, strstr(world_first(w)->error_reason, "did not") ||
                                        strstr(world_first(w)->error_reason, "refused"));
}

/* Neither that it runs nor what happens to it afterwards takes the reason away; a start does. */
static void test_verdict_of_restart(void **state)
{
        static const char *const others[] = { "die", "oom", "create", "health_status: unhealthy" };
        _cleanup_ask_ Ask a = { 0 };
        World *w = world_failed(&a);

        assert_verdict(w);
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                tell(w, "app", others[i]);
                world_run(w);
                assert_verdict(w);
        }
        tell(w, "db", "health_status: healthy");
        world_run(w);
        assert_verdict(w);
        wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
        assert_verdict(w);
        fake_ports_lose(w->ports, FAKE_ENGINE, 10);
        world_run(w);
        assert_verdict(w);
        world_check(w); /* restarts the daemon */
        assert_verdict(w);
        app_of(w)->running = false;
        tell(w, "app", "die");
        world_run(w);
        assert_verdict(w);
        app_of(w)->running = true;
        tell(w, "app", "start");
        world_run(w);
        assert_string_equal(world_status(w), "running");
        assert_null(world_first(w)->error_reason);
        world_check(w);
        assert_string_equal(world_status(w), "running");
        world_free(w);
}

static void test_verdict_and_health(void **state)
{
        _cleanup_ask_ Ask a = { 0 };
        World *w = world_failed(&a);

        tell(w, "app", "health_status: healthy");
        world_run(w);
        assert_string_equal(world_status(w), "running");
        /* Another job begins anew. */
        ask_done(&a);
        ask(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        assert_verdict(w);
        w->ports->app_is_deaf = false;
        ask_done(&a);
        ask(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        assert_string_equal(world_status(w), "running");
        world_check(w);
        world_free(w);
}

/* An application that the engine restarts again and again does not run in between; one that stays up does. */
static void test_verdict_and_restarts(void **state)
{
        _cleanup_ask_ Ask a = { 0 };
        World *w = world_failed(&a);
        FakeResource *app = app_of(w);
        uint64_t began;

        for (unsigned i = 1; i < 5; i++) {
                app->restarting = true;
                app->restart_count = i;
                tell(w, "app", "die");
                assert_true(fake_ports_step(w->ports));
                assert_true(fake_ports_step(w->ports));
                app->restarting = false;
                tell(w, "app", "start");
                began = fake_clock_now();
                while (fake_clock_now() == began && w->ports->n_flying > 0)
                        assert_true(fake_ports_step(w->ports));
                assert_verdict(w);
        }
        world_run(w);
        assert_string_equal(world_status(w), "running");
        assert_true(fake_clock_now() - began >= 30 * USEC_PER_SEC);
        world_check(w);
        world_free(w);
}

/* Nobody was there to hear that it was started. */
static void test_verdict_and_missed_start(void **state)
{
        _cleanup_ask_ Ask a = { 0 };
        World *w = world_failed(&a);
        FakeResource *app = app_of(w);

        world_stop(w);
        app->started_usec = now_realtime() + 1;
        world_start(w);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        assert_null(world_first(w)->error_reason);
        world_check(w);
        world_free(w);
}

/* Whoever heard it dies before it has stayed up for long enough. */
static void test_verdict_and_forgotten_start(void **state)
{
        _cleanup_ask_ Ask a = { 0 };
        World *w = world_failed(&a);

        w->ports->app_is_deaf = false;
        app_of(w)->restart_count = 1;
        app_of(w)->started_usec = now_realtime() + 1;
        tell(w, "app", "start");
        assert_true(fake_ports_step(w->ports));
        world_crash(w, true);
        assert_verdict(w);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        world_check(w);
        world_free(w);
}

/* ---- What belongs to nobody ---- */

/* Its record is gone, but its mark is there. */
static const char nobody[] = "client_zzzzzzzzzzzz";

static World *world_with_deleted(void)
{
        World *w = world_created(VARIANT_STRIP);

        deletion_mark(w->manager, nobody, now_realtime());
        return w;
}

static void add_orphan(World *w, ResourceKind kind, const char *name, const char *instance_id)
{
        StringPairs labels = { 0 };

        assert_int_equal(string_pairs_add(&labels, "network.ark.deployment", "d1"), 0);
        assert_int_equal(string_pairs_add(&labels, "network.ark.instance", instance_id), 0);
        fake_resource_add(w->ports, fake_resource_new(kind, name, &labels));
        string_pairs_done(&labels);
}

static void tell_created(World *w, const char *instance_id)
{
        w->ports->on_event(instance_id, "app", "create", w->ports->watcher[FAKE_ENGINE]);
}

static bool has_line(char *const *log, const char *prefix)
{
        for (; *log; log++)
                if (startswith(*log, prefix))
                        return true;
        return false;
}

/* What comes to be after the list that a sweep goes by: its event is not lost. */
static void test_orphan_during_a_sweep(void **state)
{
        World *w = world_with_deleted();
        size_t logged;

        add_orphan(w, RESOURCE_NETWORK, "nobodys_net", nobody);
        logged = strv_length(w->ports->log);
        tell_created(w, nobody);
        while (!has_line(w->ports->log + logged, "remove_network"))
                assert_true(fake_ports_step(w->ports));
        add_orphan(w, RESOURCE_CONTAINER, "late", nobody);
        tell_created(w, nobody);
        world_run(w);
        assert_null(fake_ports_find(w->ports, RESOURCE_NETWORK, "nobodys_net"));
        assert_null(fake_ports_find(w->ports, RESOURCE_CONTAINER, "late"));
        world_check(w);
        world_free(w);
}

/* What may be a customer's data stays, be its name the engine's. */
static void test_sweep_leaves_anonymous_volumes(void **state)
{
        static const char anonymous[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        World *w = world_with_deleted();
        FakeResource *container;

        add_orphan(w, RESOURCE_CONTAINER, nobody, nobody);
        fake_resource_add(w->ports, fake_resource_new(RESOURCE_VOLUME, anonymous, NULL));
        container = fake_ports_find(w->ports, RESOURCE_CONTAINER, nobody);
        container->mounts[0] = strdup(anonymous);
        container->paths[0] = strdup("/data");
        tell_created(w, nobody);
        world_run(w);
        assert_null(fake_ports_find(w->ports, RESOURCE_CONTAINER, nobody));
        assert_non_null(fake_ports_find(w->ports, RESOURCE_VOLUME, anonymous));
        world_check(w);
        world_free(w);
}

/* A sweep that did not get through is repeated without anything having happened; ever more rarely. */
static void test_failed_sweep_is_repeated(void **state)
{
        static const char *const failing[] = { "list_", "clear_container", "remove_network" };

        for (size_t f = 0; f < ELEMENTSOF(failing); f++) {
                World *w = world_with_deleted();
                size_t calls;

                world_case("%s", failing[f]);
                add_orphan(w, RESOURCE_CONTAINER, nobody, nobody);
                add_orphan(w, RESOURCE_NETWORK, "nobodys_net", nobody);
                w->ports->failing = failing[f];
                tell_created(w, nobody);
                world_run(w);
                calls = count_calls(w);
                for (int i = 0; i < 120; i++)
                        wait_for_upkeep(w, 10 * USEC_PER_SEC);
                assert_in_range(count_calls(w) - calls, 5, 40);
                w->ports->failing = NULL;
                wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
                world_assert(w, !fake_ports_find(w->ports, RESOURCE_CONTAINER, nobody));
                world_assert(w, !fake_ports_find(w->ports, RESOURCE_NETWORK, "nobodys_net"));
                world_check(w);
                world_free(w);
        }
}

/* Once is soon over. */
static void test_sweep_that_failed_once(void **state)
{
        static const FakeFault faults[] = { FAKE_REFUSED, FAKE_NO_MEMORY, FAKE_FAILED, FAKE_TIMED_OUT };

        for (size_t f = 0; f < ELEMENTSOF(faults); f++)
                for (size_t call = 0; call < 2; call++) {
                        World *w = world_with_deleted();

                        world_case("call %zu %s", call, fake_fault_to_string(faults[f]));
                        add_orphan(w, RESOURCE_CONTAINER, nobody, nobody);
                        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + call, faults[f] };
                        tell_created(w, nobody);
                        world_run(w);
                        world_assert(w, fake_ports_find(w->ports, RESOURCE_CONTAINER, nobody));
                        wait_for_upkeep(w, 3 * USEC_PER_SEC);
                        world_assert(w, !fake_ports_find(w->ports, RESOURCE_CONTAINER, nobody));
                        world_check(w);
                        world_free(w);
                }
}

/* The engine makes a network after all, when the deployment has been undone; it tells of containers only. */
static void test_late_network(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };
        char name[64];

        w->ports->slow = "create_network ark_";
        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        w->ports->slow = NULL;
        (void) snprintf(name, sizeof name, "%s_net", world_id(w));
        add_orphan(w, RESOURCE_NETWORK, name, world_id(w));
        wait_for_upkeep(w, 3 * USEC_PER_SEC);
        assert_null(fake_ports_find(w->ports, RESOURCE_NETWORK, name));
        add_orphan(w, RESOURCE_NETWORK, name, world_id(w));
        wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
        assert_null(fake_ports_find(w->ports, RESOURCE_NETWORK, name));
        world_check(w);
        world_free(w);
}

/* The same with the database's container: the engine makes its volume with it, which is told of and can be deleted. */
static void test_late_volume(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        FakeResource *database, *volume;
        InstanceNames names;

        instance_names(world_first(w), &names);
        database = database_of(w);
        volume = fake_ports_find(w->ports, RESOURCE_VOLUME, names.volume);
        assert_non_null(volume);
        assert_int_equal(database->volume_labels.n, volume->labels.n);
        for (size_t k = 0; k < volume->labels.n; k++)
                assert_string_equal(string_pairs_get(&database->volume_labels, volume->labels.items[k].key),
                                volume->labels.items[k].value);

        w->ports->failing = "ensure_image";
        ask_create(w, &a, VARIANT_EAGER);
        world_run(w);
        w->ports->failing = NULL;
        ask_done(&a);
        instance_names(manager_next_instance(w->manager, world_id(w)), &names);
        add_orphan(w, RESOURCE_VOLUME, names.volume, manager_next_instance(w->manager, world_id(w))->id);
        wait_for_upkeep(w, 6 * USEC_PER_MINUTE);
        assert_true(strv_contains(manager_ownerless_volumes(w->manager), names.volume));
        ask_delete(w, &a, manager_next_instance(w->manager, world_id(w))->id);
        world_run(w);
        assert_int_equal(a.fault, FAULT_NONE);
        assert_null(fake_ports_find(w->ports, RESOURCE_VOLUME, names.volume));
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
                cmocka_unit_test(test_verdict_of_restart),
                cmocka_unit_test(test_verdict_and_health),
                cmocka_unit_test(test_verdict_and_restarts),
                cmocka_unit_test(test_verdict_and_missed_start),
                cmocka_unit_test(test_verdict_and_forgotten_start),
                cmocka_unit_test(test_orphan_during_a_sweep),
                cmocka_unit_test(test_sweep_leaves_anonymous_volumes),
                cmocka_unit_test(test_failed_sweep_is_repeated),
                cmocka_unit_test(test_sweep_that_failed_once),
                cmocka_unit_test(test_late_network),
                cmocka_unit_test(test_late_volume),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
