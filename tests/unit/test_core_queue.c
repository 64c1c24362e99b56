/* SPDX-License-Identifier: MIT */

/* Who waits for whom, and what those who wait are told. */

#include "basic/json-util.h"
#include "core/job/job.h"
#include "core/manager.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

static World *world_with_workers(unsigned n)
{
        World *w = world_new();

        w->settings.workers = n;
        world_stop(w);
        world_start(w);
        return w;
}

static void order(World *w, Ask *a, const char *who, Variant variant)
{
        struct json_object *arguments = json_named("product_id", variant_product(variant));

        assert_int_equal(json_set_string(arguments, "client_name", "Acme"), 0);
        ask(w, a, "CreateInstance", ROLE_OPERATOR, who, arguments);
}

static unsigned count_running(World *w)
{
        unsigned n = 0;

        for (const Instance *i = world_first(w); i; i = manager_next_instance(w->manager, i->id))
                n += i->status == INSTANCE_RUNNING;
        return n;
}

/* Twelve of the one are ordered, then one of the other: how many were done before that was begun. */
static unsigned count_done_before(const char *who, Variant many, const char *other, Variant one)
{
        World *w = world_with_workers(2);
        Ask asks[12] = { 0 };
        _cleanup_ask_ Ask last = { 0 };
        const Instance *i;
        unsigned n;

        for (size_t k = 0; k < ELEMENTSOF(asks); k++)
                order(w, &asks[k], who, many);
        order(w, &last, other, one);
        while (!last.answered)
                assert_true(fake_ports_step(w->ports));
        i = manager_get_instance(w->manager, ask_id(&last));
        world_assert(w, i->job->state == JOB_QUEUED); /* else nothing is to be seen by this */
        while (i->job && i->job->state == JOB_QUEUED)
                assert_true(fake_ports_step(w->ports));
        n = count_running(w);
        world_run(w);
        assert_int_equal(count_running(w), 13);
        world_check(w);
        for (size_t k = 0; k < ELEMENTSOF(asks); k++)
                ask_done(&asks[k]);
        world_free(w);
        return n;
}

typedef struct FakeIsolation {
        IsolationPort port;
        const char *fault;
        void (*on_changed)(void *userdata);
        void *userdata;
} FakeIsolation;

static bool fake_is_in_force(IsolationPort *port, const char **ret_fault)
{
        const FakeIsolation *f = container_of(port, FakeIsolation, port);

        if (f->fault && ret_fault)
                *ret_fault = f->fault;
        return !f->fault;
}

static void fake_watch(IsolationPort *port, void (*on_changed)(void *userdata), void *userdata)
{
        FakeIsolation *f = container_of(port, FakeIsolation, port);

        f->on_changed = on_changed;
        f->userdata = userdata;
}

/* While nothing keeps instances apart, none is ordered, and those that are ordered wait. */
static void test_isolation_is_waited_for(void **state)
{
        static const IsolationVTable vtable = { fake_is_in_force, fake_watch };
        FakeIsolation isolation = { .port.vtable = &vtable };
        World *w = world_with_workers(1);
        _cleanup_ask_ Ask first = { 0 }, second = { 0 }, third = { 0 };

        manager_set_isolation(w->manager, &isolation.port);
        order(w, &first, "uid:0", VARIANT_ALONE);
        order(w, &second, "uid:0", VARIANT_ALONE);
        while (!first.answered || !second.answered)
                assert_true(fake_ports_step(w->ports));
        isolation.fault = "somebody is at the rules";
        world_run(w);
        assert_int_equal(count_running(w), 1);
        order(w, &third, "uid:0", VARIANT_ALONE);
        world_run(w);
        assert_int_equal(third.fault, FAULT_NOT_ISOLATED);
        assert_true(third.retry_after_s > 0);
        assert_non_null(strstr(third.reason, isolation.fault));
        isolation.fault = NULL;
        isolation.on_changed(isolation.userdata);
        world_run(w);
        assert_int_equal(count_running(w), 2);
        world_check(w);
        world_free(w);
}

/* One caller's many deploys do not keep another's one waiting. */
static void test_fair_to_callers(void **state)
{
        assert_int_equal(count_done_before("addr:1", VARIANT_ALONE, "addr:2", VARIANT_ALONE), 1);
}

/* Nor a product's many another product's one, whoever ordered them. */
static void test_fair_to_products(void **state)
{
        assert_int_equal(count_done_before("uid:0", VARIANT_ALONE, "uid:0", VARIANT_STRIP), 1);
}

/* Where all are alike, they come in their order. */
static void test_first_come(void **state)
{
        assert_int_equal(count_done_before("uid:0", VARIANT_ALONE, "uid:0", VARIANT_ALONE), 11);
}

/* 0: none is shown. */
static uint64_t shown_position(World *w, const Ask *created)
{
        _cleanup_ask_ Ask a = { 0 };
        uint64_t position = 0;

        ask_now(w, &a, "GetInstance", ROLE_OPERATOR, "uid:0", json_named("id", ask_id(created)));
        assert_int_equal(a.fault, FAULT_NONE);
        (void) json_get_u64(a.result, "queue_position", &position);
        return position;
}

/* GET shows the place in the queue, and those behind move up: when one is done, and when one is deleted. */
static void test_place_in_queue(void **state)
{
        World *w = world_with_workers(1);
        Ask asks[4] = { 0 };
        _cleanup_ask_ Ask delete = { 0 };

        w->ports->app_is_deaf = true; /* the first is not done before all have been looked at */
        for (size_t k = 0; k < ELEMENTSOF(asks); k++) {
                order(w, &asks[k], "uid:0", VARIANT_STRIP);
                while (!asks[k].answered)
                        assert_true(fake_ports_step(w->ports));
        }
        for (size_t k = 0; k < ELEMENTSOF(asks); k++)
                assert_int_equal(shown_position(w, &asks[k]), k);
        ask_delete(w, &delete, ask_id(&asks[1]));
        while (delete.request)
                assert_true(fake_ports_step(w->ports));
        assert_int_equal(shown_position(w, &asks[2]), 1);
        assert_int_equal(shown_position(w, &asks[3]), 2);
        w->ports->app_is_deaf = false;
        while (count_running(w) == 0)
                assert_true(fake_ports_step(w->ports));
        assert_int_equal(shown_position(w, &asks[0]), 0);
        assert_int_equal(shown_position(w, &asks[2]), 0);
        assert_int_equal(shown_position(w, &asks[3]), 1);
        world_run(w);
        assert_int_equal(count_running(w), 3);
        for (size_t k = 0; k < ELEMENTSOF(asks); k++)
                ask_done(&asks[k]);
        world_check(w);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_isolation_is_waited_for),
                cmocka_unit_test(test_fair_to_callers),
                cmocka_unit_test(test_fair_to_products),
                cmocka_unit_test(test_first_come),
                cmocka_unit_test(test_place_in_queue),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
