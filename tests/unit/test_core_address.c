/* SPDX-License-Identifier: MIT */

/* An instance that was made when there was one address for all, and what a restart makes of it. */

#include <errno.h>

#include "basic/json-util.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

static void switch_port(World *w, unsigned port)
{
        world_stop(w);
        w->settings.applications.port = port;
        world_start(w);
        world_run(w);
}

/* With an instance of before. */
static World *world_of_before(Variant variant)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };

        switch_port(w, LANDING_PORT);
        ask_create(w, &a, variant);
        world_run(w);
        switch_port(w, APPLICATIONS_PORT_DEFAULT);
        return w;
}

static void ask_restart(World *w, Ask *a)
{
        ask(w, a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
}

static const char *told(World *w)
{
        const FakeResource *app = fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w));

        return app ? string_pairs_get(&app->env, "PUBLIC_URL") : NULL;
}

static InstancePlace place(World *w)
{
        return instance_url_place(manager_applications(w->manager), world_first(w));
}

static bool is_outdated(World *w)
{
        return instance_url_is_outdated(manager_applications(w->manager), world_first(w));
}

/* What nginx is told, what the application knows and what is stored are one. */
static void check_agreed(World *w)
{
        _cleanup_json_ struct json_object *record = NULL;
        const char *stored;
        const Instance *i;

        world_check(w);
        i = world_first(w);
        world_assert(w, streq_ptr(told(w), instance_url_public(i)));
        record = json_of(fake_ports_record(w->ports, STORE_INSTANCE, i->id));
        world_assert(w, json_get_string(record, "public_url", &stored) >= 0);
        world_assert(w, streq(stored, instance_url_public(i)));
}

static void test_new(void **state)
{
        World *w = world_created(VARIANT_STRIP);

        assert_string_equal(told(w), instance_url_public(world_first(w)));
        assert_non_null(startswith(told(w), "http://host.example:3002/instances/"));
        assert_non_null(startswith(world_first(w)->access_url, "http://host.example:3000/instances/"));
        assert_int_equal(place(w), PLACE_APPLICATIONS);
        check_agreed(w);
        world_free(w);
}

static void test_restart_moves(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v++) {
                World *w = world_of_before(v);
                _cleanup_ask_ Ask a = { 0 };

                assert_int_equal(place(w), PLACE_HERE);
                assert_true(is_outdated(w));
                assert_string_equal(told(w), world_first(w)->access_url);
                ask_restart(w, &a);
                world_run(w);
                assert_true(a.answered && a.fault == FAULT_NONE);
                assert_int_equal(place(w), PLACE_APPLICATIONS);
                assert_false(is_outdated(w));
                check_agreed(w);
                world_free(w);
        }
}

/* A record that knows of no public URL, as a former version wrote it. */
static void test_record_of_before(void **state)
{
        World *w = world_of_before(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w));
        _cleanup_json_ struct json_object *record = NULL;
        _cleanup_ask_ Ask a = { 0 };

        world_stop(w);
        record = json_of(fake_ports_record(w->ports, STORE_INSTANCE, id));
        json_object_object_del(record, "public_url");
        fake_ports_put(w->ports, STORE_INSTANCE, id, json_text(record), 1);
        world_start(w);
        world_run(w);
        assert_null(world_first(w)->public_url);
        assert_int_equal(place(w), PLACE_HERE);
        ask_restart(w, &a);
        world_run(w);
        assert_int_equal(place(w), PLACE_APPLICATIONS);
        check_agreed(w);
        world_free(w);
}

static void move_base(World *w, const char *base_url)
{
        world_stop(w);
        w->settings.base_url = base_url;
        world_start(w);
        world_run(w);
}

/* A changed BaseURL= is where its link leads at once; the application is told when it is restarted. */
static void test_base_moves(void **state)
{
        for (unsigned of_before = 0; of_before < 2; of_before++) {
                World *w = of_before ? world_of_before(VARIANT_STRIP) : world_created(VARIANT_STRIP);
                _cleanup_free_ char *before = strdup(told(w));
                _cleanup_ask_ Ask a = { 0 };

                move_base(w, "http://other.example:3000");
                assert_non_null(startswith(world_first(w)->access_url, "http://other.example:3000/"));
                assert_string_equal(told(w), before);
                assert_string_equal(instance_url_public(world_first(w)), before);
                assert_int_equal(place(w), of_before ? PLACE_HERE : PLACE_APPLICATIONS);
                assert_true(is_outdated(w));
                ask_restart(w, &a);
                world_run(w);
                assert_true(a.answered && a.fault == FAULT_NONE);
                assert_non_null(startswith(told(w), "http://other.example:3002/instances/"));
                assert_int_equal(place(w), PLACE_APPLICATIONS);
                assert_false(is_outdated(w));
                check_agreed(w);
                world_free(w);
        }
}

/* Before the host's name is known, links are those of before. */
static void test_base_is_a_guess(void **state)
{
        World *w = world_created(VARIANT_STRIP);

        w->settings.base_url_is_guess = true;
        move_base(w, "http://localhost:3000");
        assert_non_null(startswith(world_first(w)->access_url, "http://host.example:3000/"));
        assert_false(is_outdated(w));
        assert_int_equal(manager_set_base_url(w->manager, "http://named.example:3000"), 0);
        assert_non_null(startswith(world_first(w)->access_url, "http://named.example:3000/"));
        assert_non_null(startswith(told(w), "http://host.example:3002/"));
        assert_true(is_outdated(w));
        world_free(w);
}

/* Files of its own would be lost with its container, so that stays, with what it was told. */
static void test_files_keep_it(void **state)
{
        World *w = world_of_before(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        w->ports->app_files = "/srv/upload";
        ask_restart(w, &a);
        world_run(w);
        assert_true(a.answered && a.fault == FAULT_NONE);
        assert_int_equal(place(w), PLACE_HERE);
        assert_true(is_outdated(w));
        check_agreed(w);
        world_free(w);
}

/* Whatever goes wrong, nginx is told what the application knows; and the next restart moves it. */
static void test_faults(void **state)
{
        static const FakeFault faults[] = { FAKE_TIMED_OUT, FAKE_TIMED_OUT_DONE, FAKE_LOST, FAKE_LOST_DONE };
        size_t n = 1 + world_first_case();
        bool hit = true;

        for (; hit && n < 200; n += world_case_step())
                for (size_t k = 0; k < ELEMENTSOF(faults); k++) {
                        World *w = world_of_before(n % 2 ? VARIANT_STRIP : VARIANT_ALONE_KEEP);
                        _cleanup_ask_ Ask a = { 0 }, again = { 0 };
                        size_t call = w->ports->n_calls + n - 1;

                        world_case("call %zu of a restart: %s", n, fake_fault_to_string(faults[k]));
                        w->ports->plans[0] = (FakePlan){ call, faults[k] };
                        ask_restart(w, &a);
                        world_run(w);
                        hit = w->ports->n_calls > call;
                        w->ports->plans[0].call = SIZE_MAX;
                        world_check(w);
                        ask_restart(w, &again);
                        world_run(w);
                        world_assert(w, place(w) == PLACE_APPLICATIONS);
                        check_agreed(w);
                        world_free(w);
                }
        assert_in_range(n, 5, 199);
}

/* The daemon dies at every moment of the restart. */
static void test_crashes(void **state)
{
        bool hit = true;
        size_t n = world_first_case();

        for (; hit && n < 200; n += world_case_step())
                for (unsigned done = 0; done < 2; done++) {
                        World *w = world_of_before(VARIANT_STRIP);
                        _cleanup_ask_ Ask a = { 0 };

                        world_case("a crash after %zu steps of a restart", n);
                        ask_restart(w, &a);
                        for (size_t step = 0; hit && step < n; step++)
                                hit = fake_ports_step(w->ports);
                        ask_drop(&a);
                        world_crash(w, done);
                        world_run(w);
                        if (is_outdated(w)) {
                                _cleanup_ask_ Ask again = { 0 };

                                ask_restart(w, &again);
                                world_run(w);
                        }
                        world_assert(w, place(w) == PLACE_APPLICATIONS);
                        check_agreed(w);
                        world_free(w);
                }
        assert_in_range(n, 5, 199);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_new),
                cmocka_unit_test(test_restart_moves),
                cmocka_unit_test(test_record_of_before),
                cmocka_unit_test(test_base_moves),
                cmocka_unit_test(test_base_is_a_guess),
                cmocka_unit_test(test_files_keep_it),
                cmocka_unit_test(test_faults),
                cmocka_unit_test(test_crashes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
