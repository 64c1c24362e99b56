/* SPDX-License-Identifier: MIT */

/* How long a product's instances live, and how those that have outlived it are cleaned up. */

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

/* ---- Cleanup ---- */

static size_t cleanup(World *w, Ask *a, uint64_t age, bool dry)
{
        struct json_object *arguments = json_object_new_object();

        assert_int_equal(json_set_u64(arguments, "max_age_usec", age), 0);
        assert_int_equal(json_set_bool(arguments, "dry_run", dry), 0);
        ask_now(w, a, "Cleanup", ROLE_OPERATOR, "uid:0", arguments);
        assert_int_equal(a->fault, FAULT_NONE);
        return json_object_array_length(json_get(a->result, "removed"));
}

/* Each that could not be deleted is named, with its reason. */
static void test_cleanup_failures(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };
        struct json_object *failed;

        for (Variant v = 0; v < _VARIANT_MAX; v++) {
                ask_create(w, &a, v);
                world_run(w);
        }
        w->ports->failing = "remove_volume"; /* four of the six have one */
        assert_int_equal(cleanup(w, &a, 0, false), 2);
        failed = json_get(a.result, "failed");
        assert_int_equal(json_object_array_length(failed), 4);
        for (size_t i = 0; i < 4; i++) {
                struct json_object *pair = json_object_array_get_idx(failed, i);
                const char *id = json_object_get_string(json_object_array_get_idx(pair, 0));
                const char *why = json_object_get_string(json_object_array_get_idx(pair, 1));

                assert_int_equal(manager_get_instance(w->manager, id)->status, INSTANCE_FAILED);
                assert_non_null(strstr(why, "it was made to fail"));
                assert_null(strstr(why, id)); /* that is told beside it */
        }
        w->ports->failing = NULL;
        assert_int_equal(cleanup(w, &a, 0, false), 4);
        world_check(w);
        world_free(w);
}

/* More than may be deleted at once. */
#define MANY    10
#define AT_ONCE 4

static void create_many(World *w)
{
        for (unsigned i = 0; i < MANY; i++) {
                _cleanup_ask_ Ask a = { 0 };

                ask_create(w, &a, VARIANT_ALONE);
                world_run(w);
                assert_int_equal(a.fault, FAULT_NONE);
        }
}

static unsigned count_deleting(World *w)
{
        unsigned n = 0;

        for (const Instance *i = world_first(w); i; i = manager_next_instance(w->manager, i->id))
                n += i->job != NULL;
        return n;
}

/* A few at a time, however many workers there are: others delete as well. */
static void test_cleanup_at_once(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };
        unsigned most = 0;

        w->settings.workers = 2 * MANY;
        world_stop(w);
        world_start(w);
        create_many(w);
        ask(w, &a, "Cleanup", ROLE_OPERATOR, "uid:0", json_of("{\"max_age_usec\":0,\"dry_run\":false}"));
        while (!a.answered) {
                unsigned n = count_deleting(w);

                most = n > most ? n : most;
                assert_true(fake_ports_step(w->ports));
        }
        assert_int_equal(most, AT_ONCE);
        assert_int_equal(json_object_array_length(json_get(a.result, "removed")), MANY);
        world_run(w);
        world_check(w);
        world_free(w);
}

/* ---- How long a product's instances live ---- */

static void set_product(World *w, const char *id, const char *expiry)
{
        struct json_object *arguments = json_object_new_object();
        _cleanup_free_ char *text = NULL;
        _cleanup_ask_ Ask a = { 0 };

        text = str_printf("{\"id\":\"%s\",\"name\":\"Shop\",\"image\":\"example.org/"
                          "shop:1\",\"database\":null%s}",
                        id, expiry);
        assert_non_null(text);
        json_object_object_add(arguments, "product", json_of(text));
        ask_now(w, &a, "SetProduct", ROLE_OPERATOR, "uid:0", arguments);
        assert_int_equal(a.fault, FAULT_NONE);
}

static char *create_of(World *w, const char *product)
{
        struct json_object *arguments = json_named("product_id", product);
        _cleanup_ask_ Ask a = { 0 };

        assert_int_equal(json_set_string(arguments, "client_name", "Acme"), 0);
        ask(w, &a, "CreateInstance", ROLE_OPERATOR, "uid:0", arguments);
        world_run(w);
        assert_int_equal(a.fault, FAULT_NONE);
        return strdup(ask_id(&a));
}

static void assert_taken(World *w, const char *const *ids, size_t n)
{
        _cleanup_ask_ Ask a = { 0 };

        assert_int_equal(cleanup(w, &a, UINT64_MAX, true), n);
        for (size_t i = 0; i < n; i++)
                assert_non_null(strstr(json_text(json_get(a.result, "removed")), ids[i]));
}

/* Its own days, for ever, or the host's; what is made keeps what its product said then. */
static void test_product_expiry(void **state)
{
        World *w = world_new();
        _cleanup_free_ char *week = NULL, *ever = NULL, *host = NULL;
        const Instance *i;

        set_product(w, "week", ",\"expires_days\":7");
        set_product(w, "ever", ",\"expires_days\":0");
        set_product(w, "host", "");
        week = create_of(w, "week");
        ever = create_of(w, "ever");
        host = create_of(w, "host");
        set_product(w, "week", "");
        set_product(w, "ever", ",\"expires_days\":1");
        for (unsigned starts = 0; starts < 2; starts++) {
                i = manager_get_instance(w->manager, week);
                assert_int_equal(i->expires_usec, i->created_usec + 7 * USEC_PER_DAY);
                i = manager_get_instance(w->manager, ever);
                assert_true(i->expires_usec == UINT64_MAX);
                i = manager_get_instance(w->manager, host);
                assert_int_equal(i->expires_usec, i->created_usec + 30 * USEC_PER_DAY);
                world_stop(w);
                world_start(w);
                world_run(w);
        }
        fake_clock_move(6 * USEC_PER_DAY + 23 * USEC_PER_HOUR);
        assert_taken(w, NULL, 0);
        fake_clock_move(8 * USEC_PER_DAY);
        assert_taken(w, (const char *const[]){ week }, 1);
        fake_clock_move(31 * USEC_PER_DAY);
        assert_taken(w, (const char *const[]){ week, host }, 2);
        fake_clock_move(3650 * USEC_PER_DAY);
        assert_taken(w, (const char *const[]){ week, host }, 2);
        world_free(w);
}

/* The host's own, too, may be for ever. */
static void test_host_expiry(void **state)
{
        World *w = world_new();
        _cleanup_free_ char *week = NULL, *host = NULL;

        w->settings.expires_usec = 0;
        world_stop(w);
        world_start(w);
        set_product(w, "week", ",\"expires_days\":7");
        set_product(w, "host", "");
        week = create_of(w, "week");
        host = create_of(w, "host");
        assert_true(manager_get_instance(w->manager, host)->expires_usec == UINT64_MAX);
        fake_clock_move(3650 * USEC_PER_DAY);
        assert_taken(w, (const char *const[]){ week }, 1);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cleanup_failures),
                cmocka_unit_test(test_cleanup_at_once),
                cmocka_unit_test(test_product_expiry),
                cmocka_unit_test(test_host_expiry),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
