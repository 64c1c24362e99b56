/* SPDX-License-Identifier: MIT */

/* Whether what runs also answers, and whether its database came first where the engine has started both. */

#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/state.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

static void pass(World *w, unsigned seconds)
{
        for (; seconds > 0; seconds--) {
                fake_clock_move(fake_clock_now() + USEC_PER_SEC);
                world_run(w);
        }
}

static unsigned count(const World *w, const char *call)
{
        unsigned n = 0;

        for (char *const *line = w->ports->log; line && *line; line++)
                n += startswith(*line, call) != NULL;
        return n;
}

static void assert_silent(World *w)
{
        const Instance *i = world_first(w);

        assert_string_equal(world_status(w), "failed");
        assert_string_equal(i->error_step, "health");
        assert_non_null(strstr(i->error_reason, "does not answer"));
        assert_non_null(strstr(i->error_reason, i->product->health_path));
        assert_non_null(i->upstream); /* customers see what it answers */
        assert_non_null(strstr(fake_ports_record(w->ports, STORE_INSTANCE, i->id), "\"failed\""));
}

static void try_silence(Variant variant, bool error)
{
        World *w = world_created(variant);

        world_case("variant %d, %s", (int) variant, error ? "an error" : "no answer");
        pass(w, 60);
        *(error ? &w->ports->app_errs : &w->ports->app_is_deaf) = true;
        pass(w, 60);
        assert_silent(w);
        w->ports->app_errs = w->ports->app_is_deaf = false;
        pass(w, 60);
        assert_string_equal(world_status(w), "running");
        assert_string_equal(world_first(w)->message, "Ready");
        assert_null(world_first(w)->error_reason);
        world_check(w);
        world_free(w);
}

static void test_silence(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v++)
                for (int error = 0; error < 2; error++)
                        try_silence(v, error);
}

/* A moment is not told of. */
static void test_moment(void **state)
{
        World *w = world_created(VARIANT_STRIP);

        w->ports->http_refusals = 2;
        for (unsigned n = 0; n < 60; n++) {
                pass(w, 1);
                assert_string_equal(world_status(w), "running");
        }
        assert_int_equal(w->ports->http_refusals, 0);
        world_free(w);
}

static void test_cost(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        unsigned asked, calls;
        FakeResource *app;

        pass(w, 120);
        asked = count(w, "http_get");
        calls = (unsigned) w->ports->n_calls;
        pass(w, 600);
        asked = count(w, "http_get") - asked;
        assert_in_range(asked, 15, 25);
        assert_int_equal(count(w, "database_login"), 1); /* the deploy's */
        assert_in_range(w->ports->n_calls - calls, asked, asked + 10);
        /* What has ended is not asked. */
        app = fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w));
        app->running = false;
        w->ports->on_event(world_id(w), "app", "die", w->ports->watcher[FAKE_ENGINE]);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        asked = count(w, "http_get");
        pass(w, 120);
        assert_int_equal(count(w, "http_get"), asked);
        world_free(w);
}

static void test_next_daemon(void **state)
{
        World *w = world_created(VARIANT_ALONE);

        w->ports->app_is_deaf = true;
        pass(w, 60);
        assert_silent(w);
        world_stop(w);
        world_start(w);
        for (unsigned n = 0; n < 60; n++) {
                world_run(w);
                assert_silent(w);
                pass(w, 1);
        }
        w->ports->app_is_deaf = false;
        pass(w, 30);
        assert_string_equal(world_status(w), "running");
        world_free(w);
}

/* A restart that failed, of an application that came up later all the same. */
static void test_verdict(void **state)
{
        World *w = world_created(VARIANT_ALONE);
        _cleanup_ask_ Ask a = { 0 };

        w->ports->app_is_deaf = true;
        ask_now(w, &a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        pass(w, 60);
        assert_string_equal(world_status(w), "failed");
        w->ports->app_is_deaf = false;
        pass(w, 60);
        assert_string_equal(world_status(w), "running");
        world_free(w);
}

static void test_bounded(void **state)
{
        World *w = world_new();

        for (unsigned n = 0; n < 80; n++) {
                _cleanup_ask_ Ask a = { 0 };

                ask_create(w, &a, VARIANT_ALONE);
                world_run(w);
                assert_int_equal(a.fault, FAULT_NONE);
        }
        w->ports->slow = "http_get";
        for (unsigned n = 0; n < 60; n++) {
                fake_clock_move(fake_clock_now() + USEC_PER_SEC);
                assert_true(fake_ports_step(w->ports) || true);
                assert_true(w->manager->n_asked <= 32);
        }
        w->ports->slow = NULL;
        pass(w, 120);
        assert_int_equal(w->manager->n_asked, 0);
        world_free(w);
}

/* ---- Its database first ---- */

static unsigned reboot(World *w, unsigned refusals, bool error)
{
        unsigned before = count(w, "restart_container");

        fake_ports_lose(w->ports, FAKE_ENGINE, USEC_PER_SEC);
        for (FakeResource *r = w->ports->resources; r; r = r->next)
                r->started_usec = now_realtime();
        w->ports->login_refusals = refusals;
        w->ports->app_errs = error;
        pass(w, 5);
        w->ports->app_errs = false;
        pass(w, 120);
        assert_int_equal(w->ports->login_refusals, 0);
        assert_string_equal(world_status(w), "running");
        return count(w, "restart_container") - before;
}

static void test_order(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v++) {
                bool first = v == VARIANT_STRIP || v == VARIANT_KEEP;
                World *w = world_created(v);

                world_case("variant %d", (int) v);
                assert_int_equal(reboot(w, 0, false), 0);
                assert_int_equal(reboot(w, first ? 5 : 0, false), first);
                assert_int_equal(reboot(w, 0, true), first);
                assert_int_equal(reboot(w, 0, false), 0);
                world_check(w);
                world_free(w);
        }
}

/* One that answers with errors whatever is done is not started again and again. */
static void test_order_once(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        unsigned before = count(w, "restart_container");

        fake_ports_lose(w->ports, FAKE_ENGINE, USEC_PER_SEC);
        w->ports->app_errs = true;
        pass(w, 120);
        assert_silent(w);
        assert_int_equal(count(w, "restart_container"), before + 1);
        world_free(w);
}

/* It is deleted while its application is being started again. */
static void test_order_and_delete(void **state)
{
        for (unsigned steps = 0; steps < 30; steps++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_ask_ Ask a = { 0 };

                world_case("deleted after %u steps", steps);
                fake_ports_lose(w->ports, FAKE_ENGINE, USEC_PER_SEC);
                w->ports->login_refusals = 1;
                world_run(w);
                fake_clock_move(fake_clock_now() + 4 * USEC_PER_SEC);
                for (unsigned n = 0; n < steps; n++)
                        (void) fake_ports_step(w->ports);
                ask_delete(w, &a, world_id(w));
                world_run(w);
                assert_int_equal(a.fault, FAULT_NONE);
                assert_string_equal(world_status(w), "deleted");
                pass(w, 60);
                assert_int_equal(w->manager->n_asked, 0);
                world_check(w);
                world_free(w);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_silence),
                cmocka_unit_test(test_moment),
                cmocka_unit_test(test_cost),
                cmocka_unit_test(test_next_daemon),
                cmocka_unit_test(test_verdict),
                cmocka_unit_test(test_bounded),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_order_once),
                cmocka_unit_test(test_order_and_delete),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
