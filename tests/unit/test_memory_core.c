/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/manager.h"
#include "core/model/instance.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/verbs/dispatch.h"
#include "core/verbs/request.h"
#include "core/verbs/table.h"
#include "core_fixture.h"
#include "starve.h"

/* Every allocation that a verb and its job cost fails once: it is refused, or ends whole or cleanly failed, and the next
 * one is done. So does every one of a start that has something to resume: nothing is lost. */

#define ROUNDS_MAX  8000
#define MOMENTS_MAX 20000
/* The one that stores the end of a create of p0. */
#define LAST_CALL 24

/* Without a timer the daemon ends, and is started anew. */
static bool exiting;

int __wrap_sd_event_exit(sd_event *event, int code);
int __wrap_sd_event_exit(sd_event *event, int code)
{
        exiting = true;
        return 0;
}

static void run_to_end(World *w, Ask *a)
{
        for (unsigned n = 0; !exiting && fake_ports_step(w->ports); n++)
                world_assert(w, n < MOMENTS_MAX);
        world_assert(w, a->answered || exiting);
        if (!exiting)
                return;
        exiting = false;
        ask_drop(a);
        world_crash(w, true);
        world_run(w);
}

/* As ask(), with memory running out; and then until nothing is left to happen. */
static void ask_starved(World *w, Ask *a, const char *action, const char *arguments)
{
        struct json_object *json = json_of(arguments);
        Caller caller = { .role = ROLE_OPERATOR, .identity = strdup("uid:0"), .unlimited = true };

        ask_done(a);
        a->unreasoned = true;
        {
                INSIDE;

                a->request = request_new(w->manager, action_find(action), &caller, json, ask_on_answer, a);
                if (a->request)
                        request_dispatch(a->request);
                else
                        a->answered = true; /* the transports close the connection, or say so */
        }
        run_to_end(w, a);
}

#define CREATE(product) "{\"product_id\":\"" product "\",\"client_name\":\"Acme\",\"idempotency_key\":\"k\"}"

/* With the same key: what was refused is done now, what was done is answered. */
static void create_again(World *w, const char *arguments)
{
        _cleanup_ask_ Ask again = { 0 };

        ask_starved(w, &again, "CreateInstance", arguments);
        world_assert(w, again.fault == FAULT_NONE);
}

/* A call to the outside that goes wrong, too; SIZE_MAX for none. */
typedef struct Order {
        const char *arguments;
        size_t call;
        FakeFault fault;
        const char *last_words; /* of an application that ends at once; NULL: it runs */
} Order;

static const Order orders[] = {
        { CREATE("p0"), SIZE_MAX, FAKE_FINE },
        { CREATE("p3"), SIZE_MAX, FAKE_FINE },
        { CREATE("p5"), SIZE_MAX, FAKE_FINE },
        { CREATE("p0"), 9, FAKE_FAILED },
        { CREATE("p0"), 9, FAKE_LOST },
        { CREATE("p0"), 0, FAKE_LOST_DONE },
        { CREATE("p0"), LAST_CALL, FAKE_LOST },
        { CREATE("p4"), SIZE_MAX, FAKE_FINE, "No space left on device" },
};

static bool create_starved(size_t n, const Order *order)
{
        _cleanup_ask_ Ask create = { 0 };
        World *w = world_new();
        bool hit;

        w->ports->plans[0] =
                        (FakePlan){ order->call == SIZE_MAX ? SIZE_MAX : w->ports->n_calls + order->call,
                                order->fault };
        w->ports->app_exits = order->last_words != NULL;
        w->ports->app_log = order->last_words;
        world_case("allocation %zu of a create", n);
        starve_at(n);
        ask_starved(w, &create, "CreateInstance", order->arguments);
        hit = starve_end();
        world_case("allocation %zu of a create, %s; call %zu %s", n, hit ? starve_what() : "none failed",
                        order->call, fake_fault_to_string(order->fault));
        world_assert(w, hit || order->fault != FAKE_FINE ||
                                        streq(strempty(world_status(w)),
                                                        order->last_words ? "failed" : "running"));
        w->ports->plans[0].call = SIZE_MAX;
        w->ports->app_exits = false;
        world_check(w);
        create_again(w, order->arguments);
        world_check(w);
        world_free(w);
        return hit;
}

static void test_create(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
                size_t n = 1 + world_first_case();

                while (n < ROUNDS_MAX && create_starved(n, &orders[i]))
                        n += world_case_step();
                assert_in_range(n, 3, ROUNDS_MAX - 1);
                print_message("%s, call %zu %s: %zu allocations\n", orders[i].arguments, orders[i].call,
                                fake_fault_to_string(orders[i].fault), n - 1);
        }
}

/* What is asked of an instance that runs. */
static const struct {
        const char *action, *arguments; /* with the id in place of %s */
        size_t call; /* to the outside that goes wrong, counted from 1; 0 for none */
        FakeFault fault;
} verbs[] = {
        { "DeleteInstance", "{\"id\":\"%s\"}", 2, FAKE_FAILED },
        { "DeleteInstance", "{\"id\":\"%s\"}", 2, FAKE_LOST },
        { "DeleteInstance", "{\"id\":\"%s\"}", 1, FAKE_LOST },
        { "RestartInstance", "{\"id\":\"%s\"}", 2, FAKE_FAILED },
        { "SetExpiry", "{\"id\":\"%s\",\"expires_usec\":99}", 1, FAKE_LOST },
        { "DeleteInstance", "{\"id\":\"%s\"}" },
        { "RestartInstance", "{\"id\":\"%s\"}" },
        { "GetInstance", "{\"id\":\"%s\"}" },
        { "GetAccess", "{\"id\":\"%s\"}" },
        { "GetCredentials", "{\"id\":\"%s\"}" },
        { "GetCompose", "{\"id\":\"%s\"}" },
        { "GetLogs", "{\"id\":\"%s\",\"cursor\":\"\",\"lines\":10}" },
        { "GetUsage", "{\"id\":\"%s\"}" },
        { "SetExpiry", "{\"id\":\"%s\",\"expires_usec\":99}" },
        { "ListInstances", "{\"status\":\"running\",\"limit\":5}" },
        { "Cleanup", "{\"max_age_usec\":0,\"dry_run\":false}" },
        { "ListProducts", "{}" },
        { "GetProduct", "{\"id\":\"p1\"}" },
        { "GetMetrics", "{}" },
        { "SetProduct", "{\"product\":{\"id\":\"p1\",\"name\":{\"en\":\"New\"},\"image\":\"x:1\",\"env\":{"
                        "\"A\":\"${SECRET:a}\"},\"capabilities\":[\"CHOWN\"],\"credentials\":[{\"label\":"
                        "\"L\",\"value\":\"${SECRET:a}\"}],\"limits\":{\"app\":{\"memory\":\"64m\"}}}}" },
        { "DeleteProduct", "{\"id\":\"p1\"}" },
};

static void assert_same(World *w, const Ask *a, const Ask *b)
{
        if (!json_object_equal(a->result, b->result))
                print_error("%s\n%s\n", json_text(a->result), json_text(b->result));
        world_assert(w, json_object_equal(a->result, b->result));
}

static bool verb_starved(size_t v, size_t n)
{
        _cleanup_ask_ Ask verb = { 0 }, again = { 0 };
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *arguments = str_replace(verbs[v].arguments, "%s", world_id(w));
        bool hit;

        world_case("allocation %zu of %s", n, verbs[v].action);
        w->ports->plans[0] = (FakePlan){ verbs[v].call ? w->ports->n_calls + verbs[v].call - 1 : SIZE_MAX,
                verbs[v].fault };
        starve_at(n);
        ask_starved(w, &verb, verbs[v].action, arguments);
        hit = starve_end();
        w->ports->plans[0].call = SIZE_MAX;
        world_case("allocation %zu of %s, %s", n, verbs[v].action, hit ? starve_what() : "none failed");
        world_assert(w, hit || verbs[v].call || verb.fault == FAULT_NONE);
        world_check(w);
        ask_starved(w, &again, verbs[v].action, arguments);
        world_assert(w, again.fault == FAULT_NONE || streq(verbs[v].action, "DeleteProduct"));
        world_check(w);
        if (startswith(verbs[v].action, "Get") && verb.result && !streq(verbs[v].action, "GetMetrics"))
                assert_same(w, &verb, &again);
        world_free(w);
        return hit;
}

static void test_verbs(void **state)
{
        for (size_t v = 0; v < ELEMENTSOF(verbs); v++) {
                size_t n = 1 + world_first_case();

                /* What costs so many costs the same again and again. */
                while (n < ROUNDS_MAX && verb_starved(v, n))
                        n += (n < 500 ? 1 : 17) * world_case_step();
                assert_in_range(n, 3, ROUNDS_MAX - 1);
                print_message("%s: %zu allocations\n", verbs[v].action, n - 1);
        }
}

/* Where it cannot even be made it is tried again, as the service manager does. */
static void start_starved(World *w)
{
        INSIDE;

        while (!w->manager) {
                int r = manager_new(w->event, &w->settings, &w->ports->engine, &w->ports->store,
                                &w->ports->probe, &w->manager);

                if (r >= 0)
                        r = manager_start(w->manager);
                if (r < 0)
                        w->manager = manager_free(w->manager);
        }
}

static void run_on(World *w)
{
        for (unsigned n = 0; fake_ports_step(w->ports); n++)
                world_assert(w, n < MOMENTS_MAX);
        if (!exiting)
                return;
        exiting = false;
        world_crash(w, true);
        world_run(w);
}

static unsigned count_instances(World *w)
{
        unsigned n = 0;

        for (Instance *i = manager_next_instance(w->manager, NULL); i;
                        i = manager_next_instance(w->manager, i->id))
                n++;
        return n;
}

/* The daemon ended in the middle of a create, a delete and, with one that runs, nothing; its next start wants memory. */
static bool resume_starved(size_t n)
{
        _cleanup_ask_ Ask second = { 0 }, third = { 0 }, delete = { 0 };
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *first = strdup(world_id(w));
        bool hit;

        world_case("allocation %zu of a start", n);
        ask_create(w, &second, VARIANT_KEEP);
        world_run(w);
        ask_create(w, &third, VARIANT_EAGER);
        ask_delete(w, &delete, ask_id(&second));
        for (unsigned i = 0; i < 14; i++)
                world_assert(w, fake_ports_step(w->ports));
        world_assert(w, count_instances(w) == 3);
        world_stop(w);

        starve_at(n);
        start_starved(w);
        run_on(w);
        hit = starve_end();
        world_case("allocation %zu of a start, %s", n, hit ? starve_what() : "none failed");
        /* The create and the delete may have failed of it, as they may at any time. */
        if (manager_find_instance(w->manager, ask_id(&second))->status == INSTANCE_FAILED) {
                ask_delete(w, &delete, ask_id(&second));
                world_run(w);
        }
        world_check(w);
        world_assert(w, count_instances(w) == 3);
        world_assert(w, manager_find_instance(w->manager, first)->status == INSTANCE_RUNNING);
        world_assert(w, manager_find_instance(w->manager, ask_id(&second))->status == INSTANCE_DELETED);
        world_assert(w, lh_table_length(w->manager->products) == _VARIANT_MAX);
        world_free(w);
        return hit;
}

static void test_resume(void **state)
{
        size_t n = 1 + world_first_case();

        while (n < ROUNDS_MAX && resume_starved(n))
                n += (n < 500 ? 1 : 7) * world_case_step();
        assert_in_range(n, 100, ROUNDS_MAX - 1);
        print_message("A start: %zu allocations\n", n - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_resume),
                cmocka_unit_test(test_create),
                cmocka_unit_test(test_verbs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
