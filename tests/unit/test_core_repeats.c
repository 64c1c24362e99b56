/* SPDX-License-Identifier: MIT */

/* An idempotency key whose first deployment the store may have taken, or not: never two instances of one key. */

#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

static void create(World *w, Ask *a)
{
        ask(w, a, "CreateInstance", ROLE_VISITOR, "addr:1",
                        json_of("{\"product_id\":\"p0\",\"client_name\":\"x\",\"idempotency_key\":\"k\"}"));
}

static void create_now(World *w, Ask *a)
{
        create(w, a);
        while (!a->answered && fake_ports_step(w->ports))
                ;
        world_assert(w, a->answered);
}

/* What there is of the key: one instance, which is what every answer named. */
static void assert_one_with_key(World *w, const Ask *asks, size_t n)
{
        Instance *only = world_first(w);

        world_assert(w, only && !manager_next_instance(w->manager, only->id));
        world_assert(w, fake_ports_count(w->ports, STORE_INSTANCE) == 1);
        for (size_t i = 0; i < n; i++)
                if (asks[i].answered && asks[i].fault == FAULT_NONE)
                        world_assert(w, strcmp(ask_id(asks + i), only->id) == 0);
        world_assert(w, streq_ptr(fake_ports_record(w->ports, STORE_IDEMPOTENCY, "k"), only->id));
}

/* The first is not answered in time and asked for again; then arkd dies, at every moment until that is settled. */
static bool try_repeat_in_doubt(unsigned moment, FakeFault fault)
{
        World *w = world_new();
        Ask asks[3] = { 0 };
        bool reached = true;

        world_case("a repeat after “%s”, crash at step %u", fake_fault_to_string(fault), moment);
        w->ports->plans[0] = (FakePlan){ w->ports->n_calls, fault };
        create_now(w, asks);
        world_assert(w, asks[0].fault == FAULT_STORE_UNAVAILABLE);
        create(w, asks + 1);
        for (unsigned i = 0; i < moment && reached; i++)
                reached = fake_ports_step(w->ports);
        world_assert(w, !asks[1].answered || asks[1].fault == FAULT_NONE ||
                                        asks[1].fault == FAULT_STORE_UNAVAILABLE);
        ask_drop(asks + 1);
        world_crash(w, true);
        create_now(w, asks + 2);
        world_run(w);
        world_assert(w, asks[2].fault == FAULT_NONE);
        assert_one_with_key(w, asks, ELEMENTSOF(asks));
        world_check(w);
        for (size_t i = 0; i < ELEMENTSOF(asks); i++)
                ask_done(asks + i);
        world_free(w);
        return reached;
}

static void test_repeats_in_doubt(void **state)
{
        static const FakeFault faults[] = { FAKE_STALLED, FAKE_TIMED_OUT, FAKE_TIMED_OUT_DONE,
                FAKE_FAILED_DONE, FAKE_LOST, FAKE_LOST_DONE };

        for (size_t i = 0; i < ELEMENTSOF(faults); i++)
                for (unsigned moment = 0; try_repeat_in_doubt(moment, faults[i]); moment++)
                        ;
}

/* It is refused until that is settled, and makes one then. */
static void test_repeat_once_settled(void **state)
{
        World *w = world_new();
        Ask asks[3] = { 0 };

        w->ports->plans[0] = (FakePlan){ w->ports->n_calls, FAKE_TIMED_OUT_DONE };
        create_now(w, asks);
        assert_non_null(fake_ports_record(w->ports, STORE_IDEMPOTENCY, "k"));
        create_now(w, asks + 1);
        assert_int_equal(asks[1].fault, FAULT_STORE_UNAVAILABLE);
        assert_non_null(strstr(asks[1].reason, "not known yet"));
        world_run(w);
        assert_int_equal(fake_ports_count(w->ports, STORE_INSTANCE), 0);
        assert_null(fake_ports_record(w->ports, STORE_IDEMPOTENCY, "k"));
        create_now(w, asks + 2);
        world_run(w);
        assert_int_equal(asks[2].fault, FAULT_NONE);
        assert_one_with_key(w, asks, ELEMENTSOF(asks));
        for (size_t i = 0; i < ELEMENTSOF(asks); i++)
                ask_done(asks + i);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_repeats_in_doubt),
                cmocka_unit_test(test_repeat_once_settled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
