/* SPDX-License-Identifier: MIT */

/* Crashes, deletions, callers that go away and connections that come and go: at every moment of a create. */

#include "core/ports.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

typedef enum Happening {
        CRASH,
        CRASH_DONE, /* what was under way is done */
        CRASH_TWICE,
        POWER_CUT,
        CALLER_GOES,
        DELETE,
        DELETE_TWICE,
        DELETE_AND_GO,
        DELETE_AND_CRASH,
        DELETE_AND_CRASH_DONE,
        ENGINE_GOES,
        STORE_GOES,
        BOTH_GO,
        ENGINE_GOES_FOR_LONG, /* longer than the deployment may last */
        STORE_GOES_FOR_LONG,
        STORE_GOES_AND_CRASH,
        BOTH_FALTER, /* under a create that has been begun again */
        _HAPPENING_MAX,
} Happening;

typedef struct Scene {
        World *w;
        Ask create, delete, second;
        bool deleted, crashed;
} Scene;

static void crash(Scene *s, bool done)
{
        ask_drop(&s->create);
        ask_drop(&s->delete);
        ask_drop(&s->second);
        world_crash(s->w, done);
        s->crashed = true;
}

static void delete (Scene *s, Ask *a)
{
        const char *id = world_id(s->w);

        if (!id)
                return;
        ask_delete(s->w, a, id);
        s->deleted = true;
}

static void happen(Scene *s, Happening happening)
{
        const uint64_t long_usec = UINT64_C(600000000);

        switch (happening) {
        case POWER_CUT:
                fake_ports_power_cut(s->w->ports);
                crash(s, false);
                break;
        case CRASH_TWICE:
                crash(s, false);
                for (int i = 0; i < 7; i++)
                        (void) fake_ports_step(s->w->ports);
                crash(s, true);
                break;
        case CRASH:
        case CRASH_DONE:
                crash(s, happening == CRASH_DONE);
                break;
        case CALLER_GOES:
                ask_drop(&s->create);
                break;
        case DELETE_TWICE:
                delete (s, &s->second);
                delete (s, &s->delete);
                break;
        case DELETE:
                delete (s, &s->delete);
                break;
        case DELETE_AND_GO:
                delete (s, &s->delete);
                (void) fake_ports_step(s->w->ports);
                ask_drop(&s->delete);
                break;
        case DELETE_AND_CRASH:
        case DELETE_AND_CRASH_DONE:
                delete (s, &s->delete);
                (void) fake_ports_step(s->w->ports);
                crash(s, happening == DELETE_AND_CRASH_DONE);
                break;
        case BOTH_GO:
                fake_ports_lose(s->w->ports, FAKE_ENGINE, 2000000);
                fake_ports_lose(s->w->ports, FAKE_STORE, 3000000);
                break;
        case BOTH_FALTER:
                fake_ports_lose(s->w->ports, FAKE_ENGINE, 100000);
                s->w->ports->stalled_until = fake_clock_now() + 1000000;
                break;
        case ENGINE_GOES:
        case ENGINE_GOES_FOR_LONG:
                fake_ports_lose(s->w->ports, FAKE_ENGINE, happening == ENGINE_GOES ? 2000000 : long_usec);
                break;
        default:
                fake_ports_lose(s->w->ports, FAKE_STORE,
                                happening == STORE_GOES_FOR_LONG ? long_usec : 2000000);
                if (happening == STORE_GOES_AND_CRASH)
                        crash(s, true);
                break;
        }
}

static const char *data_of(World *w, unsigned *ret_serial)
{
        const FakeResource *r = w->ports->resources;

        while (r && r->kind != RESOURCE_VOLUME)
                r = r->next;
        *ret_serial = r ? r->serial : 0;
        return world_status(w);
}

/* What is to have become of it. */
static void judge(Scene *s, Happening happening)
{
        const char *status = world_status(s->w);

        if (s->create.answered && s->create.fault != FAULT_NONE) {
                world_assert(s->w, s->create.fault == FAULT_STORE_UNAVAILABLE ||
                                                   s->create.fault == FAULT_ENGINE_UNAVAILABLE);
                world_assert(s->w, !status);
                return;
        }
        if (!status) { /* its caller did not hear of it */
                world_assert(s->w, s->crashed && !s->create.answered);
                return;
        }
        if (s->deleted && !s->crashed)
                world_assert(s->w, strcmp(status, "deleted") == 0);
        else if (happening == ENGINE_GOES_FOR_LONG)
                world_assert(s->w, strcmp(status, "running") == 0 || strcmp(status, "failed") == 0);
        else if (!s->deleted)
                world_assert(s->w, strcmp(status, "running") == 0);
        else
                world_assert(s->w, strcmp(status, "running") == 0 || strcmp(status, "deleted") == 0);
        world_assert(s->w, s->crashed || !s->delete.request);
        world_assert(s->w, !s->delete.answered || s->delete.fault == FAULT_NONE);
        world_assert(s->w, !s->second.answered || s->second.fault == FAULT_NONE);
}

/* Answers whether the moment was reached before all had happened. */
static bool try(Variant variant, FakeOrder order, Happening happening, unsigned moment)
{
        Scene s = { .w = world_new() };
        unsigned before = 0, after = 0;
        bool reached = true, ran;

        world_case("variant %d, order %d, happening %d at step %u", (int) variant, (int) order,
                        (int) happening, moment);
        s.w->ports->order = order;
        s.w->ports->random = moment + 1;
        ask_create(s.w, &s.create, variant);
        if (happening == BOTH_FALTER) {
                while (!s.create.answered)
                        (void) fake_ports_step(s.w->ports);
                crash(&s, false);
        }
        for (unsigned i = 0; i < moment && reached; i++)
                reached = fake_ports_step(s.w->ports);
        ran = data_of(s.w, &before) && strcmp(world_status(s.w), "running") == 0;
        happen(&s, happening);
        world_run(s.w);
        judge(&s, happening);
        (void) data_of(s.w, &after);
        if (ran && world_status(s.w) && strcmp(world_status(s.w), "running") == 0)
                world_assert(s.w, before == after); /* the customer's data is still that */
        world_check(s.w);
        ask_done(&s.create);
        ask_done(&s.delete);
        ask_done(&s.second);
        world_free(s.w);
        return reached;
}

static void try_all(Variant variant, FakeOrder order)
{
        for (Happening h = 0; h < _HAPPENING_MAX; h++)
                for (size_t moment = world_first_case(); try(variant, order, h, (unsigned) moment);
                                moment += world_case_step())
                        ;
}

static void test_moments(void **state)
{
        for (Variant v = 0; v < _VARIANT_MAX; v++)
                try_all(v, FAKE_FIRST);
}

static void test_moments_other_orders(void **state)
{
        try_all(VARIANT_STRIP, FAKE_LAST);
        try_all(VARIANT_STRIP, FAKE_RANDOM);
        try_all(VARIANT_EAGER, FAKE_RANDOM);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_moments),
                cmocka_unit_test(test_moments_other_orders),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
