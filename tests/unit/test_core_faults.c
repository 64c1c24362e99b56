/* SPDX-License-Identifier: MIT */

/* A create, and a delete, in which each call to the outside goes wrong in each way. */

#include "core/ports.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

/* What the engine (or the store) does not get over by itself: the deployment may fail of it. */
static bool may_fail(FakeFault fault)
{
        return fault == FAKE_NO_MEMORY || fault == FAKE_FAILED || fault == FAKE_FAILED_DONE ||
               fault == FAKE_TIMED_OUT || fault == FAKE_TIMED_OUT_DONE || fault == FAKE_STRANGER;
}

/* Answers whether the call was reached. */
static bool try_create(Variant variant, FakeOrder order, size_t call, FakeFault fault)
{
        _cleanup_ask_ Ask create = { 0 };
        World *w = world_new();
        bool reached;

        world_case("variant %d, order %d, call %zu %s", (int) variant, (int) order, call,
                        fake_fault_to_string(fault));
        w->ports->order = order;
        w->ports->random = (uint32_t) call + 1;
        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + call, fault };
        ask_create(w, &create, variant);
        world_run(w);
        reached = w->ports->n_calls > w->ports->plans[0].call;
        w->ports->plans[0].call = SIZE_MAX;
        world_assert(w, create.answered);
        if (create.fault == FAULT_NONE) {
                world_assert(w, world_status(w));
                world_assert(w, may_fail(fault) || strcmp(world_status(w), "running") == 0);
        } else {
                world_assert(w, create.fault == FAULT_STORE_UNAVAILABLE && create.retry_after_s > 0);
                world_assert(w, !world_status(w) && fake_ports_count(w->ports, STORE_INSTANCE) == 0);
        }
        world_check(w);
        world_free(w);
        return reached;
}

static void test_create(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v++)
                for (FakeOrder order = 0; order <= FAKE_RANDOM; order++)
                        for (FakeFault fault = FAKE_FINE; fault < _FAKE_FAULT_MAX; fault++)
                                for (size_t call = world_first_case(); try_create(v, order, call, fault);
                                                call += world_case_step())
                                        ;
}

static bool try_delete(Variant variant, size_t call, FakeFault fault)
{
        _cleanup_ask_ Ask create = { 0 }, delete = { 0 };
        World *w = world_new();
        bool reached;

        world_case("variant %d, call %zu of delete %s", (int) variant, call, fake_fault_to_string(fault));
        ask_create(w, &create, variant);
        world_run(w);
        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + call, fault };
        ask_delete(w, &delete, world_id(w));
        world_run(w);
        reached = w->ports->n_calls > w->ports->plans[0].call;
        w->ports->plans[0].call = SIZE_MAX;
        world_assert(w, delete.answered);
        if (delete.fault == FAULT_NONE)
                world_assert(w, strcmp(world_status(w), "deleted") == 0);
        else
                world_assert(w, delete.fault == FAULT_STORE_UNAVAILABLE && delete.retry_after_s > 0);
        world_check(w);
        /* Again, and again: it is the same then. */
        for (int i = 0; i < 2; i++) {
                ask_delete(w, &delete, world_id(w));
                world_run(w);
                world_assert(w, delete.answered && delete.fault == FAULT_NONE);
                world_assert(w, strcmp(world_status(w), "deleted") == 0);
                world_check(w);
        }
        world_free(w);
        return reached;
}

static void test_delete(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v++)
                for (FakeFault fault = FAKE_FINE; fault < _FAKE_FAULT_MAX; fault++)
                        for (size_t call = world_first_case(); try_delete(v, call, fault);
                                        call += world_case_step())
                                ;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_create),
                cmocka_unit_test(test_delete),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
