/* SPDX-License-Identifier: MIT */

/* Records of what is no more: how long they are kept. */

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

static void create_keyed(World *w, Ask *a, const char *key)
{
        struct json_object *arguments = json_named("idempotency_key", key);

        assert_int_equal(json_set_string(arguments, "product_id", variant_product(VARIANT_ALONE)), 0);
        assert_int_equal(json_set_string(arguments, "client_name", "Acme"), 0);
        ask_now(w, a, "CreateInstance", ROLE_OPERATOR, "uid:0", arguments);
}

/* Old records are looked for when a job ends, once a minute. */
static void let_a_job_end(World *w, uint64_t after_usec)
{
        _cleanup_ask_ Ask a = { 0 };

        fake_clock_move(fake_clock_now() + after_usec);
        ask_create(w, &a, VARIANT_ALONE);
        world_run(w);
        ask_delete(w, &a, ask_id(&a));
        world_run(w);
}

/* A key answers with its instance for a day, also where nothing is kept of what was deleted. */
static void test_retention_of_keys(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask first = { 0 }, again = { 0 };
        char id[64];

        w->settings.tombstone_usec = 0;
        world_stop(w);
        world_start(w);
        create_keyed(w, &first, "k");
        (void) snprintf(id, sizeof id, "%s", ask_id(&first));
        world_run(w);
        ask_delete(w, &again, id);
        world_run(w);
        assert_int_equal(again.fault, FAULT_NONE);
        let_a_job_end(w, 23 * USEC_PER_HOUR);
        world_stop(w);
        world_start(w);
        create_keyed(w, &again, "k");
        assert_int_equal(again.fault, FAULT_NONE);
        assert_string_equal(ask_id(&again), id);
        let_a_job_end(w, 2 * USEC_PER_HOUR);
        assert_null(manager_get_instance(w->manager, id));
        assert_null(fake_ports_record(w->ports, STORE_INSTANCE, id));
        create_keyed(w, &again, "k");
        assert_string_not_equal(ask_id(&again), id);
        world_run(w);
        world_free(w);
}

/* So many more failed records as that one's, with keys of their own or without. */
static void multiply(World *w, const char *id, const char *prefix, unsigned n, bool keyed)
{
        const char *text = fake_ports_record(w->ports, STORE_INSTANCE, id);

        for (unsigned i = 0; i < n; i++) {
                _cleanup_free_ char *other = str_printf("client_%s%08o", prefix, i), *copy = NULL;
                _cleanup_free_ char *key = NULL, *text_of_other = NULL;

                for (char *c = other; *c; c++)
                        *c = *c == '0' ? 'x' : *c == '1' ? 'y' : *c; /* an id has neither */
                key = keyed ? str_printf("\"idempotency_key\":\"%s\"", other)
                            : strdup("\"idempotency_key\":null");
                copy = str_replace(text, id, other);
                assert_true(key && copy);
                text_of_other = str_replace(copy, "\"idempotency_key\":\"k\"", key);
                assert_non_null(text_of_other);
                fake_ports_put(w->ports, STORE_INSTANCE, other, text_of_other, world_first(w)->created_usec);
        }
}

static unsigned count_failed(World *w, const char *prefix)
{
        unsigned n = 0;

        for (const Instance *i = world_first(w); i; i = manager_next_instance(w->manager, i->id))
                n += i->status == INSTANCE_FAILED && startswith(i->id + 7, prefix) != NULL;
        return n;
}

/* Nor does a crowd of failures push it out, as long as there are not too many of its kind. */
static void try_retention_of_failures(unsigned n_keyed, unsigned n_others, unsigned keyed_left)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };
        char id[64];

        world_case("%u failed with keys, %u without", n_keyed, n_others);
        w->ports->failing = "create_container";
        create_keyed(w, &a, "k");
        world_run(w);
        w->ports->failing = NULL;
        (void) snprintf(id, sizeof id, "%s", ask_id(&a));
        multiply(w, id, "keyd", n_keyed, true);
        multiply(w, id, "none", n_others, false);
        world_stop(w);
        world_start(w);
        assert_int_equal(count_failed(w, ""), n_keyed + n_others + 1);
        for (int i = 0; i < 4; i++)
                let_a_job_end(w, 2 * USEC_PER_MINUTE);
        world_assert(w, count_failed(w, "") - count_failed(w, "none") == keyed_left);
        world_assert(w, count_failed(w, "none") == (n_keyed < 500 ? 500 - n_keyed - 1 : 0));
        world_free(w);
}

static void test_retention_of_failures(void **state)
{
        try_retention_of_failures(300, 400, 301);
        try_retention_of_failures(5100, 10, 5000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_retention_of_keys),
                cmocka_unit_test(test_retention_of_failures),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
