/* SPDX-License-Identifier: MIT */

/* Expiry, and the cleanup of what is past it. */

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

#define NEVER UINT64_MAX
#define LATER UINT64_C(1900000000000000)

/* Without waiting for the answer. */
static void ask_expiry(World *w, Ask *a, const char *id, uint64_t expires_usec)
{
        struct json_object *arguments = json_named("id", id);

        assert_int_equal(json_set_u64(arguments, "expires_usec", expires_usec), 0);
        ask(w, a, "SetExpiry", ROLE_OPERATOR, "uid:0", arguments);
}

static void ask_cleanup(World *w, Ask *a, uint64_t age, bool dry)
{
        struct json_object *arguments = json_object_new_object();

        assert_int_equal(json_set_u64(arguments, "max_age_usec", age), 0);
        assert_int_equal(json_set_bool(arguments, "dry_run", dry), 0);
        ask(w, a, "Cleanup", ROLE_OPERATOR, "uid:0", arguments);
}

static bool has_removed(const Ask *cleanup, const char *id)
{
        struct json_object *removed = json_get(cleanup->result, "removed");

        for (size_t i = 0; i < json_object_array_length(removed); i++)
                if (streq(json_object_get_string(json_object_array_get_idx(removed, i)), id))
                        return true;
        return false;
}

/* One of each variant; answers the newest. */
static const Instance *create_all(World *w)
{
        const Instance *newest = NULL;

        for (Variant v = 0; v < _VARIANT_MAX; v++) {
                _cleanup_ask_ Ask a = { 0 };

                ask_create(w, &a, v);
                world_run(w);
                world_assert(w, a.fault == FAULT_NONE);
                newest = manager_get_instance(w->manager, ask_id(&a));
        }
        return newest;
}

static void grow_old(void)
{
        fake_clock_move(fake_clock_now() + 30 * USEC_PER_DAY + USEC_PER_HOUR);
}

static size_t cleanup(World *w, Ask *a, uint64_t age, bool dry)
{
        ask_cleanup(w, a, age, dry);
        while (!a->answered && fake_ports_step(w->ports))
                ;
        assert_true(a->answered);
        assert_int_equal(a->fault, FAULT_NONE);
        return json_object_array_length(json_get(a->result, "removed"));
}

static void test_cleanup(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 }, b = { 0 };
        char kept[64];

        (void) create_all(w);
        (void) snprintf(kept, sizeof kept, "%s", world_id(w));
        assert_int_equal(cleanup(w, &a, UINT64_MAX, false), 0);
        assert_int_equal(cleanup(w, &a, 0, true), 6);
        assert_int_equal(manager_count_instances(w->manager), 6);
        ask_expiry(w, &b, kept, NEVER);
        world_run(w);
        assert_int_equal(b.fault, FAULT_NONE);
        assert_int_equal(cleanup(w, &a, 0, true), 5);
        grow_old();
        assert_int_equal(cleanup(w, &a, UINT64_MAX, true), 5);
        /* Twice at once: each is deleted once, and counted by both. */
        ask_cleanup(w, &b, UINT64_MAX, false);
        assert_int_equal(cleanup(w, &a, UINT64_MAX, false), 5);
        world_run(w);
        assert_int_equal(json_object_array_length(json_get(b.result, "removed")), 5);
        assert_int_equal(manager_count_instances(w->manager), 1);
        assert_string_equal(world_status(w), "running");
        world_check(w);
        world_free(w);
}

/* One that cannot be deleted does not stop the others. */
static void test_cleanup_failure(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };
        char failing[64];

        (void) create_all(w);
        (void) snprintf(failing, sizeof failing, "remove_network %s_net", world_id(w));
        w->ports->failing = failing;
        assert_int_equal(cleanup(w, &a, 0, false), 5);
        assert_int_equal(json_object_array_length(json_get(a.result, "failed")), 1);
        w->ports->failing = NULL;
        assert_int_equal(cleanup(w, &a, 0, false), 1);
        world_check(w);
        world_free(w);
}

/* The clock is set: by expiry nothing goes that was not past its time before. */
static void try_set_clock(int64_t usec, uint64_t age, bool dry, Fault fault)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        world_case("clock set by %lld s, age %llu", (long long) (usec / 1000000), (unsigned long long) age);
        fake_clock_set(usec);
        ask_cleanup(w, &a, age, dry);
        world_run(w);
        world_assert(w, a.answered && a.fault == fault);
        world_assert(w, fault == FAULT_NONE || strstr(a.reason, "clock"));
        world_assert(w, streq(world_status(w),
                                        fault == FAULT_NONE && age == 0 && !dry ? "deleted" : "running"));
        world_check(w);
        world_free(w);
}

static void test_set_clock(void **state)
{
        const int64_t hour = (int64_t) USEC_PER_HOUR, year = 365 * (int64_t) USEC_PER_DAY;

        try_set_clock(year, UINT64_MAX, false, FAULT_CONFLICT);
        try_set_clock(year, UINT64_MAX, true, FAULT_CONFLICT);
        try_set_clock(hour + 1, UINT64_MAX, false, FAULT_CONFLICT);
        try_set_clock(hour, UINT64_MAX, false, FAULT_NONE);
        try_set_clock(-year, UINT64_MAX, false, FAULT_NONE);
        try_set_clock(year, 0, false, FAULT_NONE); /* an operator's age */
}

/* Whoever starts the daemon again says that the clock is right. */
static void test_set_clock_and_restart(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        fake_clock_set(365 * (int64_t) USEC_PER_DAY);
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_int_equal(cleanup(w, &a, UINT64_MAX, false), 1);
        world_check(w);
        world_free(w);
}

static void test_expiry_faults(void **state)
{
        for (FakeFault fault = FAKE_FINE; fault <= FAKE_STALLED; fault++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_ask_ Ask a = { 0 };
                uint64_t before = world_first(w)->expires_usec;

                world_case("%s", fake_fault_to_string(fault));
                w->ports->plans[0] = (FakePlan){ w->ports->n_calls, fault };
                ask_expiry(w, &a, world_id(w), LATER);
                world_run(w);
                world_assert(w, a.fault == FAULT_NONE || a.fault == FAULT_STORE_UNAVAILABLE);
                world_assert(w, world_first(w)->expires_usec == (a.fault == FAULT_NONE ? LATER : before));
                world_check(w);
                world_free(w);
        }
}

/* What is taken can be read again: a timestamp has a year of four digits. */
static void test_expiry_limits(void **state)
{
        static const struct {
                uint64_t usec;
                Fault fault;
        } moments[] = {
                { TIMESTAMP_USEC_MAX, FAULT_NONE },
                { TIMESTAMP_USEC_MAX + 1, FAULT_INVALID_ARGUMENT },
                { UINT64_MAX - 1, FAULT_INVALID_ARGUMENT },
                { UINT64_MAX, FAULT_NONE },
        };

        for (size_t n = 0; n < ELEMENTSOF(moments); n++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_ask_ Ask a = { 0 };
                uint64_t expected = moments[n].fault == FAULT_NONE ? moments[n].usec
                                                                   : world_first(w)->expires_usec;

                ask_expiry(w, &a, world_id(w), moments[n].usec);
                world_run(w);
                assert_int_equal(a.fault, moments[n].fault);
                world_stop(w);
                world_start(w);
                world_run(w);
                assert_string_equal(world_status(w), "running");
                assert_int_equal(world_first(w)->expires_usec, expected);
                world_free(w);
        }
}

/* The expiry is set while a job writes the same record. */
static bool try_expiry_moment(unsigned moment, bool deleting)
{
        World *w = deleting ? world_created(VARIANT_STRIP) : world_new();
        _cleanup_ask_ Ask job = { 0 }, a = { 0 };
        bool reached = true;

        world_case("expiry at step %u of %s", moment, deleting ? "delete" : "create");
        if (deleting)
                ask_delete(w, &job, world_id(w));
        else
                ask_create(w, &job, VARIANT_STRIP);
        for (unsigned i = 0; i < moment && reached; i++)
                reached = fake_ports_step(w->ports);
        if (world_id(w))
                ask_expiry(w, &a, world_id(w), LATER);
        world_run(w);
        world_assert(w, strcmp(world_status(w), deleting ? "deleted" : "running") == 0);
        if (deleting)
                world_assert(w, a.fault == FAULT_CONFLICT || a.fault == FAULT_NO_SUCH_INSTANCE);
        else if (a.answered && a.fault == FAULT_NONE)
                world_assert(w, world_first(w)->expires_usec == LATER);
        world_check(w);
        world_free(w);
        return reached;
}

static void test_expiry_moments(void **state)
{
        for (int deleting = 0; deleting < 2; deleting++)
                for (unsigned moment = 0; try_expiry_moment(moment, deleting); moment++)
                        ;
}

/* It is deleted while the expiry is on its way to the store: nobody is told that it is kept. */
static void test_expiry_before_a_delete(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask keep = { 0 }, delete = { 0 };

        ask_expiry(w, &keep, world_id(w), NEVER);
        ask_delete(w, &delete, world_id(w));
        world_run(w);
        world_assert(w, keep.fault == FAULT_CONFLICT && strstr(keep.reason, "is being deleted"));
        world_assert(w, delete.fault == FAULT_NONE && streq(world_status(w), "deleted"));
        world_check(w);
        world_free(w);
}

/* Two at once, one of which may go wrong: the last that was acknowledged holds, here and in the store. */
static void try_expiry_twice(size_t call, FakeFault fault)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask first = { 0 }, second = { 0 };
        uint64_t expected = world_first(w)->expires_usec;

        world_case("expiry %zu of two %s", call + 1, fake_fault_to_string(fault));
        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + call, fault };
        ask_expiry(w, &first, world_id(w), LATER);
        ask_expiry(w, &second, world_id(w), NEVER);
        world_run(w);
        expected = first.fault == FAULT_NONE ? LATER : expected;
        expected = second.fault == FAULT_NONE ? NEVER : expected;
        world_assert(w, world_first(w)->expires_usec == expected);
        world_stop(w);
        world_start(w);
        world_run(w);
        world_assert(w, world_first(w)->expires_usec == expected);
        world_free(w);
}

static void test_expiry_twice(void **state)
{
        for (FakeFault fault = FAKE_FINE; fault <= FAKE_STALLED; fault++)
                for (size_t call = 0; call < 2; call++)
                        try_expiry_twice(call, fault);
}

/* ---- Both at once ---- */

/* Who is told that an instance is kept finds it there, however far the cleanup had come. */
static bool try_kept_meanwhile(uint64_t age, unsigned moment)
{
        World *w = world_new();
        _cleanup_ask_ Ask cleaning = { 0 }, keep = { 0 };
        const Instance *last = create_all(w);
        bool reached = true;

        world_case("kept at step %u of a cleanup", moment);
        grow_old();
        ask_cleanup(w, &cleaning, age, false);
        for (unsigned i = 0; i < moment && reached; i++)
                reached = fake_ports_step(w->ports);
        ask_expiry(w, &keep, last->id, NEVER);
        world_run(w);
        world_assert(w, cleaning.answered && cleaning.fault == FAULT_NONE);
        world_assert(w, (last->status == INSTANCE_RUNNING) == (keep.fault == FAULT_NONE));
        world_assert(w, has_removed(&cleaning, last->id) == (keep.fault != FAULT_NONE));
        world_assert(w, keep.fault == FAULT_NONE || keep.fault == FAULT_CONFLICT ||
                                        keep.fault == FAULT_NO_SUCH_INSTANCE);
        world_assert(w, moment > 1 || keep.fault == FAULT_NONE); /* four are deleted at a time */
        world_check(w);
        world_free(w);
        return reached;
}

static void test_kept_meanwhile(void **state)
{
        for (unsigned moment = 0; try_kept_meanwhile(UINT64_MAX, moment); moment++)
                ;
        for (unsigned moment = 0; try_kept_meanwhile(0, moment); moment++)
                ;
}

/* A cleanup comes while the expiry is on its way to the store: what the store takes holds. */
static bool try_cleanup_meanwhile(uint64_t expires_usec, FakeFault fault, unsigned moment)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask cleaning = { 0 }, expiry = { 0 };
        bool keep = expires_usec == NEVER, reached = true;

        world_case("cleanup at step %u of an expiry %s", moment, fake_fault_to_string(fault));
        if (keep)
                grow_old();
        w->ports->plans[0] = (FakePlan){ w->ports->n_calls, fault };
        ask_expiry(w, &expiry, world_id(w), expires_usec);
        for (unsigned i = 0; i < moment && reached; i++)
                reached = fake_ports_step(w->ports);
        ask_cleanup(w, &cleaning, UINT64_MAX, false);
        world_run(w);
        if (expiry.fault == (keep ? FAULT_NONE : FAULT_STORE_UNAVAILABLE))
                world_assert(w, streq(world_status(w), "running"));
        world_assert(w, expiry.fault == FAULT_NONE || expiry.fault == FAULT_CONFLICT ||
                                        expiry.fault == FAULT_STORE_UNAVAILABLE);
        world_check(w);
        world_free(w);
        return reached;
}

static void test_cleanup_meanwhile(void **state)
{
        for (FakeFault fault = FAKE_FINE; fault <= FAKE_STALLED; fault++) {
                for (unsigned moment = 0; try_cleanup_meanwhile(NEVER, fault, moment); moment++)
                        ;
                for (unsigned moment = 0; try_cleanup_meanwhile(1, fault, moment); moment++)
                        ;
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cleanup),
                cmocka_unit_test(test_cleanup_failure),
                cmocka_unit_test(test_set_clock),
                cmocka_unit_test(test_set_clock_and_restart),
                cmocka_unit_test(test_expiry_faults),
                cmocka_unit_test(test_expiry_limits),
                cmocka_unit_test(test_expiry_moments),
                cmocka_unit_test(test_expiry_before_a_delete),
                cmocka_unit_test(test_expiry_twice),
                cmocka_unit_test(test_kept_meanwhile),
                cmocka_unit_test(test_cleanup_meanwhile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
