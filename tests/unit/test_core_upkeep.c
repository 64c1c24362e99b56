/* SPDX-License-Identifier: MIT */

/* Upkeep: restarts, deletions that cannot. */

#include <stdio.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/ports.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

/* ---- Restarting ---- */

/* What somebody removed by hand before it; or a daemon died that was making it again. */
enum {
        REMOVED_NOTHING,
        REMOVED_APP,
        REMOVED_DATABASE,
        REMOVED_ALL,
        REMOVED_FROM_NETWORKS,
        REMOVED_NETWORK, /* while the containers did not run */
        _REMOVED_MAX
};

static void leave_network(FakeResource *container, size_t i)
{
        container->running = false;
        free(container->networks[i]);
        free(container->addresses[i]);
        container->networks[i] = container->addresses[i] = NULL;
}

static void remove_by_hand(World *w, int removed)
{
        static const struct {
                ResourceKind kind;
                const char *suffix;
                bool goes[_REMOVED_MAX];
        } things[] = {
                { RESOURCE_CONTAINER, "", { [REMOVED_APP] = true, [REMOVED_ALL] = true } },
                { RESOURCE_CONTAINER, "_db", { [REMOVED_DATABASE] = true, [REMOVED_ALL] = true } },
                { RESOURCE_NETWORK, "_net", { [REMOVED_ALL] = true, [REMOVED_NETWORK] = true } },
        };

        for (size_t i = 0; i < ELEMENTSOF(things); i++) {
                _cleanup_free_ char *name = str_printf("%s%s", world_id(w), things[i].suffix);
                FakeResource *thing = fake_ports_find(w->ports, things[i].kind, name);

                if (thing && things[i].goes[removed])
                        fake_resource_drop(w->ports, thing);
                else if (thing && removed == REMOVED_FROM_NETWORKS && thing->kind == RESOURCE_CONTAINER)
                        leave_network(thing, *things[i].suffix ? 0 : 1);
        }
}

static bool try_restart(Variant variant, int removed, size_t call, FakeFault fault)
{
        World *w = world_created(variant);
        _cleanup_free_ char *volume_name = str_printf("%s_db_data", world_id(w));
        const FakeResource *volume = fake_ports_find(w->ports, RESOURCE_VOLUME, volume_name);
        unsigned serial = volume ? volume->serial : 0;
        _cleanup_ask_ Ask a = { 0 };
        bool reached;

        world_case("restart of variant %d, %d removed, call %zu %s", (int) variant, removed, call,
                        fake_fault_to_string(fault));
        remove_by_hand(w, removed);
        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + call, fault };
        ask(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        reached = w->ports->n_calls > w->ports->plans[0].call;
        w->ports->plans[0].call = SIZE_MAX;
        world_assert(w, a.answered);
        world_assert(w, a.fault == FAULT_NONE || a.fault == FAULT_FAILED ||
                                        a.fault == FAULT_STORE_UNAVAILABLE);
        /* One whose application only was not heard is heard. */
        fake_clock_move(fake_clock_now() + USEC_PER_MINUTE);
        world_run(w);
        if (removed == REMOVED_NOTHING)
                world_check(w);
        /* Whatever became of it: it can be restarted then. */
        ask(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        world_assert(w, a.fault == FAULT_NONE);
        world_assert(w, strcmp(world_status(w), "running") == 0);
        world_check(w);
        /* The data is the same. */
        volume = fake_ports_find(w->ports, RESOURCE_VOLUME, volume_name);
        world_assert(w, (volume ? volume->serial : 0) == serial);
        world_assert(w, !volume || volume->contents == FAKE_VOLUME_READY);
        world_free(w);
        return reached;
}

static void test_restart(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v += 2)
                for (int removed = 0; removed < _REMOVED_MAX; removed++)
                        for (FakeFault fault = FAKE_FINE; fault <= FAKE_STALLED; fault++)
                                for (size_t call = world_first_case(); try_restart(v, removed, call, fault);
                                                call += world_case_step())
                                        ;
}

/* A deletion, or a crash, at every moment of a restart. */
static bool try_restart_moment(unsigned moment, int happening)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask restart = { 0 }, delete = { 0 };
        bool reached = true;

        world_case("restart, happening %d at step %u", happening, moment);
        ask(w, &restart, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        for (unsigned i = 0; i < moment && reached; i++)
                reached = fake_ports_step(w->ports);
        if (happening == 0)
                ask_delete(w, &delete, world_id(w));
        else if (happening == 1)
                fake_ports_lose(w->ports, FAKE_STORE, USEC_PER_SEC);
        else {
                ask_drop(&restart);
                world_crash(w, happening == 2);
        }
        if (happening == 1)
                ask_delete(w, &delete, world_id(w));
        world_run(w);
        world_assert(w, !restart.request && !delete.request);
        if (happening == 0)
                world_assert(w, strcmp(world_status(w), "deleted") == 0 && delete.fault == FAULT_NONE);
        else
                world_assert(w, strcmp(world_status(w), "running") == 0);
        world_check(w);
        world_free(w);
        return reached;
}

static void test_restart_moments(void **state)
{
        for (int happening = 0; happening < 4; happening++)
                for (unsigned moment = 0; try_restart_moment(moment, happening); moment++)
                        ;
}

static void test_restart_refused(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 }, a = { 0 };

        ask_create(w, &create, VARIANT_STRIP);
        for (int i = 0; i < 8; i++)
                assert_true(fake_ports_step(w->ports));
        ask_now(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        assert_int_equal(a.fault, FAULT_CONFLICT);
        world_run(w);
        ask_delete(w, &a, world_id(w));
        world_run(w);
        ask_now(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        assert_int_equal(a.fault, FAULT_CONFLICT);
        world_check(w);
        world_free(w);
}

/* At once: whoever asks is not left waiting for as long as the engine is away. */
static void test_restart_without_the_engine(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        fake_ports_lose(w->ports, FAKE_ENGINE, UINT64_MAX);
        ask_now(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        assert_int_equal(a.fault, FAULT_ENGINE_UNAVAILABLE);
        assert_string_equal(world_status(w), "running");
        fake_ports_return(w->ports, FAKE_ENGINE);
        world_run(w);
        world_free(w);
}

/* The product becomes another while arkd is away. */
static void replace_product(World *w, const char *database)
{
        _cleanup_free_ char *text = NULL;

        text = str_printf("{\"id\":\"%s\",\"name\":\"Shop\",\"image\":\"example.org/"
                          "shop:9\",\"port\":9999,\"database\":%s}",
                        variant_product(VARIANT_STRIP), database);
        assert_non_null(text);
        world_stop(w);
        fake_ports_put(w->ports, STORE_PRODUCT, variant_product(VARIANT_STRIP), text, 0);
        world_start(w);
        world_run(w);
}

static void assert_restarts(World *w, Fault fault)
{
        _cleanup_ask_ Ask a = { 0 };

        ask(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        assert_int_equal(a.fault, fault);
}

/* What the product has instead by now. */
static const char *const other_databases[] = { "null",
        "{\"image\":\"docker.io/library/postgres:18\",\"data_path\":\"/var/lib/postgresql\"}" };

/* What was made of a product is made again of what that was then: another database may not read the data, or look for
 * it elsewhere and begin anew. */
static void test_restart_of_what_it_was(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(other_databases); i++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_free_ char *name = str_printf("%s_db", world_id(w)), *path = NULL, *text = NULL;
                _cleanup_free_ char *upstream = strdup(world_first(w)->upstream), *image = NULL;

                image = strdup(fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w))->image);
                replace_product(w, other_databases[i]);
                remove_by_hand(w, REMOVED_ALL);
                assert_restarts(w, FAULT_NONE);
                assert_string_equal(fake_ports_find(w->ports, RESOURCE_CONTAINER, name)->image,
                                "docker.io/library/postgres:16");
                assert_string_equal(
                                fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w))->image, image);
                assert_string_not_equal(image, "example.org/shop:9");
                assert_string_equal(world_first(w)->upstream, upstream);
                path = str_printf("%s/compose.%s.yml", w->compose_dir, world_id(w));
                assert_int_equal(read_file(path, 64 * 1024, &text, NULL), 0);
                assert_non_null(strstr(text, "/var/lib/postgresql/data"));
                world_check(w);
                world_free(w);
        }
}

/* A database that began anew in an empty volume would pass for one that runs. */
static void test_restart_without_its_data(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *name = str_printf("%s_db_data", world_id(w));
        _cleanup_ask_ Ask a = { 0 };

        remove_by_hand(w, REMOVED_ALL);
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_VOLUME, name));
        ask(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        assert_int_equal(a.fault, FAULT_FAILED);
        assert_non_null(strstr(a.reason, name));
        assert_string_equal(world_status(w), "failed");
        assert_null(fake_ports_find(w->ports, RESOURCE_VOLUME, name));
        world_free(w);
}

/* The record is of before the product was kept with it, and the product has no database by now. */
static void test_restart_without_a_known_database(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_json_ struct json_object *record = NULL;
        char *id = strdup(world_id(w));

        record = json_of(fake_ports_record(w->ports, STORE_SECRET, id));
        json_object_object_del(record, "product");
        world_stop(w);
        fake_ports_put(w->ports, STORE_SECRET, id, json_text(record), 0);
        world_start(w);
        world_run(w);
        remove_by_hand(w, REMOVED_DATABASE);
        assert_restarts(w, FAULT_NONE);
        replace_product(w, "null");
        assert_restarts(w, FAULT_FAILED);
        world_free(w);
        free(id);
}

/* The same in the middle of a create. */
static void test_create_with_the_same_database(void **state)
{
        bool reached = true;

        for (unsigned moment = 1; reached; moment++) {
                World *w = world_new();
                _cleanup_ask_ Ask a = { 0 };

                world_case("step %u", moment);
                ask_create(w, &a, VARIANT_STRIP);
                for (unsigned i = 0; i < moment && reached; i++)
                        reached = fake_ports_step(w->ports);
                ask_drop(&a);
                replace_product(w, "null");
                world_check(w);
                world_free(w);
        }
}

/* A deletion that cannot: the instance says so, and keeps what is needed to try again. */
static void test_delete_that_cannot(void **state)
{
        static const char *const calls[] = { "remove_container", "remove_volume", "remove_network" };

        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_ask_ Ask a = { 0 };

                world_case("%s", calls[i]);
                w->ports->failing = calls[i];
                ask_delete(w, &a, world_id(w));
                world_run(w);
                world_assert(w, a.fault == FAULT_FAILED && strstr(a.reason, "made to fail"));
                world_assert(w, strcmp(world_status(w), "deleted") != 0);
                w->ports->failing = NULL;
                world_stop(w);
                world_start(w);
                world_run(w);
                ask_delete(w, &a, world_id(w));
                world_run(w);
                world_assert(w, a.fault == FAULT_NONE);
                world_assert(w, strcmp(world_status(w), "deleted") == 0);
                world_check(w);
                world_free(w);
        }
}

/* A volume that something else has in use is tried for a while, and not for many minutes. */
static void test_volume_in_use(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        uint64_t begun = fake_clock_now();
        _cleanup_ask_ Ask a = { 0 };

        w->ports->slow = "remove_volume";
        ask_now(w, &a, "DeleteInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        assert_int_equal(a.fault, FAULT_FAILED);
        assert_true(fake_clock_now() - begun < 3 * USEC_PER_MINUTE);
        w->ports->slow = NULL;
        ask_now(w, &a, "DeleteInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        assert_int_equal(a.fault, FAULT_NONE);
        world_run(w);
        world_check(w);
        world_free(w);
}

/* What its daemon never survives is given up in the end, and may be asked for again. */
static void try_crashing(const char *action, const char *end)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        bool given_up = false;

        world_case("%s", action);
        ask(w, &a, action, ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        for (unsigned i = 0; i < 2; i++)
                assert_true(fake_ports_step(w->ports));
        ask_drop(&a);
        for (unsigned i = 0; i <= w->settings.retry_max; i++) {
                world_assert(w, strcmp(world_status(w), "failed") != 0);
                w->ports->failing = "re"; /* it gets nowhere while it tries again */
                world_crash(w, true);
                assert_true(fake_ports_step(w->ports));
        }
        do
                given_up = given_up || strstr(strempty(world_first(w)->error_reason), "too often");
        while (fake_ports_step(w->ports));
        world_assert(w, given_up);
        w->ports->failing = NULL;
        ask_now(w, &a, action, ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_assert(w, a.fault == FAULT_NONE);
        world_run(w);
        world_assert(w, strcmp(world_status(w), end) == 0);
        world_check(w);
        world_free(w);
}

static void test_crashing(void **state)
{
        try_crashing("DeleteInstance", "deleted");
        try_crashing("RestartInstance", "running");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_restart),
                cmocka_unit_test(test_restart_moments),
                cmocka_unit_test(test_restart_refused),
                cmocka_unit_test(test_restart_without_the_engine),
                cmocka_unit_test(test_restart_of_what_it_was),
                cmocka_unit_test(test_restart_without_its_data),
                cmocka_unit_test(test_restart_without_a_known_database),
                cmocka_unit_test(test_create_with_the_same_database),
                cmocka_unit_test(test_delete_that_cannot),
                cmocka_unit_test(test_volume_in_use),
                cmocka_unit_test(test_crashing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
