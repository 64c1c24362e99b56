/* SPDX-License-Identifier: MIT */

/* Two things go wrong in one create: what undoes the first, or resumes after it, meets the second. */

#include "core_fixture.h"

typedef struct Second {
        FakeFault fault; /* at a call */
        bool crash, done, power, delete; /* or at a step */
} Second;

static const Second seconds[] = {
        { .fault = FAKE_REFUSED },
        { .fault = FAKE_NO_MEMORY },
        { .fault = FAKE_FAILED },
        { .fault = FAKE_FAILED_DONE },
        { .fault = FAKE_TIMED_OUT },
        { .fault = FAKE_LOST },
        { .fault = FAKE_LOST_DONE },
        { .fault = FAKE_STALLED },
        { .crash = true },
        { .crash = true, .done = true },
        { .crash = true, .power = true },
        { .delete = true },
};

static void drop(Ask *create, Ask *delete)
{
        ask_drop(create);
        ask_drop(delete);
}

static void at_step(World *w, const Second *second, Ask *create, Ask *delete)
{
        const char *id = world_id(w);

        if (second->crash) {
                drop(create, delete);
                if (second->power)
                        fake_ports_power_cut(w->ports);
                world_crash(w, second->done);
        } else if (id)
                ask_delete(w, delete, id);
}

/* The first fault is at a call; the second so many calls or steps after that. Answers whether it was reached. */
static bool try(FakeFault first, size_t call, const Second *second, size_t later)
{
        _cleanup_ask_ Ask create = { 0 }, delete = { 0 };
        World *w = world_new();
        FakePorts *p = w->ports;
        bool reached = true;

        world_case("call %zu %s, then %zu later second %zu", call, fake_fault_to_string(first), later,
                        (size_t) (second - seconds));
        p->plans[0] = (FakePlan){ p->n_calls + call, first };
        if (second->fault)
                p->plans[1] = (FakePlan){ p->plans[0].call + 1 + later, second->fault };
        ask_create(w, &create, VARIANT_STRIP);
        if (!second->fault) {
                while (p->n_calls <= p->plans[0].call && fake_ports_step(p))
                        ;
                for (size_t i = 0; i <= later && reached; i++)
                        reached = fake_ports_step(p);
                at_step(w, second, &create, &delete);
        }
        world_run(w);
        reached = second->fault ? p->n_calls > p->plans[1].call : reached;
        p->plans[0].call = p->plans[1].call = SIZE_MAX;
        world_assert(w, !create.request && !delete.request);
        world_check(w);
        world_free(w);
        return reached;
}

static size_t count_calls(void)
{
        _cleanup_ask_ Ask create = { 0 };
        World *w = world_new();
        size_t before = w->ports->n_calls, n;

        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        n = w->ports->n_calls - before;
        world_free(w);
        return n;
}

static void try_all(FakeFault first)
{
        size_t n = count_calls();

        for (size_t call = world_first_case(); call < n; call += world_case_step())
                for (size_t k = 0; k < ELEMENTSOF(seconds); k++)
                        for (size_t later = 0; later < 40 && try(first, call, seconds + k, later); later++)
                                ;
}

static void test_after_failure(void **state)
{
        try_all(FAKE_FAILED_DONE);
}

static void test_after_loss(void **state)
{
        try_all(FAKE_LOST_DONE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_after_failure),
                cmocka_unit_test(test_after_loss),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
