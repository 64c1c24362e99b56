/* SPDX-License-Identifier: MIT */

/* Many at once, and everything that can happen to them, at random: the number of a round repeats it. */

#include <stdio.h>
#include <stdlib.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

#define ROUNDS     200
#define HAPPENINGS 60
#define ASKS_MAX   64

typedef struct Crowd {
        World *w;
        Ask asks[ASKS_MAX];
        uint32_t random;
} Crowd;

static uint32_t roll(Crowd *c, uint32_t n)
{
        c->random = c->random * 1664525 + 1013904223;
        return (c->random >> 10) % n;
}

static Ask *free_ask(Crowd *c)
{
        for (size_t i = 0; i < ASKS_MAX; i++)
                if (!c->asks[i].request)
                        return &c->asks[i];
        ask_drop(&c->asks[0]);
        return &c->asks[0];
}

static const char *any_id(Crowd *c)
{
        const Instance *i = world_first(c->w);

        for (uint32_t n = roll(c, manager_count_instances(c->w->manager) + 1); i && n > 0; n--) {
                const Instance *next = manager_next_instance(c->w->manager, i->id);

                i = next ? next : i;
        }
        return i ? i->id : NULL;
}

static void drop_all(Crowd *c)
{
        for (size_t i = 0; i < ASKS_MAX; i++)
                ask_drop(&c->asks[i]);
}

static void ask_about(Crowd *c, const char *verb)
{
        const char *id = any_id(c);
        struct json_object *arguments;

        if (!id)
                return;
        arguments = json_named("id", id);
        if (streq(verb, "SetExpiry"))
                assert_int_equal(json_set_u64(arguments, "expires_usec", 1900000000000000), 0);
        ask(c->w, free_ask(c), verb, ROLE_OPERATOR, "uid:0", arguments);
}

static void happen(Crowd *c)
{
        switch (roll(c, 16)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
                ask_create(c->w, free_ask(c), (Variant) roll(c, _VARIANT_MAX));
                break;
        case 5:
        case 6:
        case 7:
                ask_about(c, "DeleteInstance");
                break;
        case 8:
                ask_about(c, "RestartInstance");
                break;
        case 9:
                ask_about(c, "SetExpiry");
                break;
        case 10:
                ask_drop(&c->asks[roll(c, ASKS_MAX)]);
                break;
        case 11:
                fake_ports_lose(c->w->ports, FAKE_ENGINE, roll(c, 5000000) + 1);
                break;
        case 12:
                fake_ports_lose(c->w->ports, FAKE_STORE, roll(c, 5000000) + 1);
                break;
        case 13:
                drop_all(c);
                if (roll(c, 2))
                        fake_ports_power_cut(c->w->ports);
                world_crash(c->w, roll(c, 2));
                break;
        case 14:
                ask(c->w, free_ask(c), "Cleanup", ROLE_OPERATOR, "uid:0",
                                json_of("{\"max_age_usec\":20000000,\"dry_run\":false}"));
                break;
        default:
                ask(c->w, free_ask(c), "ListInstances", ROLE_OPERATOR, "uid:0", NULL);
                break;
        }
}

static void try_round(unsigned n, unsigned faults_permille)
{
        Crowd c = { .w = world_new(), .random = n * 7919 + 1 };

        world_case("round %u, %u faults in a thousand", n, faults_permille);
        c.w->settings.workers = 2;
        c.w->settings.queue_max = 8;
        c.w->settings.retry_max = 100;
        world_stop(c.w);
        world_start(c.w);
        c.w->ports->order = FAKE_RANDOM;
        c.w->ports->random = n + 1;
        c.w->ports->faults_permille = faults_permille;
        for (unsigned i = 0; i < HAPPENINGS; i++) {
                happen(&c);
                for (uint32_t steps = roll(&c, 12); steps > 0; steps--)
                        (void) fake_ports_step(c.w->ports);
        }
        c.w->ports->faults_permille = 0;
        world_run(c.w);
        for (size_t i = 0; i < ASKS_MAX; i++) {
                world_assert(c.w, !c.asks[i].request);
                ask_done(&c.asks[i]);
        }
        world_check(c.w);
        world_free(c.w);
}

static unsigned first_round(void)
{
        const char *s = getenv("ARK_TEST_ROUND");

        return s ? (unsigned) strtoul(s, NULL, 10) : 0;
}

static void test_crowd(void **state)
{
        for (unsigned n = first_round(); n < first_round() + ROUNDS; n += (unsigned) world_case_step())
                try_round(n, 0);
}

static void test_crowd_with_faults(void **state)
{
        for (unsigned n = first_round(); n < first_round() + ROUNDS; n += (unsigned) world_case_step())
                try_round(n, 10 + n % 40);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_crowd),
                cmocka_unit_test(test_crowd_with_faults),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
