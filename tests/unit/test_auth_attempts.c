/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "auth/attempts.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

/* A clock that is moved by hand, and the one timer. */
static uint64_t now = USEC_PER_DAY;
static sd_event_time_handler_t on_timer;
static void *on_timer_userdata;

uint64_t __wrap_now_monotonic(void);
uint64_t __wrap_now_monotonic(void)
{
        return now;
}

int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t callback, void *userdata)
{
        assert_null(on_timer);
        on_timer = callback;
        on_timer_userdata = userdata;
        return sd_event_add_defer(event, ret, NULL, NULL); /* for its place; the loop does not run */
}

static unsigned lines, lines_of_the_rest;

int __wrap_log_internal(int level, int error, const void *context, const char *file, int line,
                const char *func, const char *format, ...) _printf_(7, 8);
int __wrap_log_internal(int level, int error, const void *context, const char *file, int line,
                const char *func, const char *format, ...)
{
        if (startswith(format, "%u more"))
                lines_of_the_rest++;
        else
                lines++;
        return 0;
}

static Address address(const char *text)
{
        Address a;

        assert_int_equal(address_parse(text, &a), 0);
        return a;
}

static int set_up(void **state)
{
        sd_event *event = NULL;
        Attempts *attempts = NULL;

        lines = lines_of_the_rest = 0;
        on_timer = NULL;
        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(attempts_new(event, &attempts), 0);
        sd_event_unref(event);
        *state = attempts;
        return 0;
}

static int tear_down(void **state)
{
        attempts_free(*state);
        return 0;
}

static void note(Attempts *attempts, ListenerKind listener, const Address *a, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                attempts_note(attempts, listener, a, "ListInstances");
}

static void test_too_many(void **state)
{
        Address a = address("192.168.7.9"), other = address("192.168.7.8");

        note(*state, LISTENER_ADMIN, &a, ATTEMPTS_MAX - 1);
        assert_int_equal(attempts_wait_s(*state, LISTENER_ADMIN, &a), 0);
        now += 10 * USEC_PER_SEC;
        note(*state, LISTENER_ADMIN, &a, 1);
        assert_int_equal(attempts_wait_s(*state, LISTENER_ADMIN, &a), 50);
        /* Nobody else is held up, nor is the visitors' port for the same address. */
        assert_int_equal(attempts_wait_s(*state, LISTENER_ADMIN, &other), 0);
        assert_int_equal(attempts_wait_s(*state, LISTENER_PUBLIC, &a), 0);
        assert_int_equal(attempts_wait_s(*state, LISTENER_ADMIN, NULL), 0);
        now += 49 * USEC_PER_SEC + 1;
        assert_int_equal(attempts_wait_s(*state, LISTENER_ADMIN, &a), 1);
        now += USEC_PER_SEC;
        assert_int_equal(attempts_wait_s(*state, LISTENER_ADMIN, &a), 0);
        /* And from the beginning. */
        note(*state, LISTENER_ADMIN, &a, ATTEMPTS_MAX - 1);
        assert_int_equal(attempts_wait_s(*state, LISTENER_ADMIN, &a), 0);
}

static void test_this_host_is_never_limited(void **state)
{
        note(*state, LISTENER_LOCAL, NULL, 1000);
        assert_int_equal(attempts_wait_s(*state, LISTENER_LOCAL, NULL), 0);
        assert_int_equal(lines, ATTEMPTS_LINES_MAX);
}

/* One subscriber has a whole /64 to call from. */
static void test_a_subscriber_of_ipv6(void **state)
{
        Address a = address("2001:db8:1:2::1"), b = address("2001:db8:1:2:ffff::1"),
                c = address("2001:db8:1:3::1");

        note(*state, LISTENER_PUBLIC, &a, ATTEMPTS_MAX);
        assert_int_equal(attempts_wait_s(*state, LISTENER_PUBLIC, &b), 60);
        assert_int_equal(attempts_wait_s(*state, LISTENER_PUBLIC, &c), 0);
}

/* However many addresses there are, no more are remembered: the one that began first goes. */
static void test_the_table_is_bounded(void **state)
{
        Address first = address("10.0.0.1"), second = address("10.0.0.2");

        note(*state, LISTENER_PUBLIC, &first, ATTEMPTS_MAX);
        now++;
        note(*state, LISTENER_PUBLIC, &second, ATTEMPTS_MAX);
        now++;
        for (unsigned i = 0; i < ATTEMPTS_ADDRESSES_MAX - 1; i++) {
                Address a = { .family = AF_INET,
                        .bytes = { 172, 16, (unsigned char) (i / 256), (unsigned char) i } };

                note(*state, LISTENER_PUBLIC, &a, 1);
        }
        assert_int_equal(attempts_wait_s(*state, LISTENER_PUBLIC, &first), 0);
        assert_int_equal(attempts_wait_s(*state, LISTENER_PUBLIC, &second), 60);
}

static void test_lines_are_bounded(void **state)
{
        Address a = address("192.168.7.9");

        note(*state, LISTENER_PUBLIC, &a, ATTEMPTS_LINES_MAX);
        assert_null(on_timer);
        note(*state, LISTENER_PUBLIC, &a, 5);
        assert_int_equal(lines, ATTEMPTS_LINES_MAX);
        assert_non_null(on_timer);
        assert_int_equal(on_timer(NULL, 0, on_timer_userdata), 0);
        assert_int_equal(lines_of_the_rest, 1);
        on_timer = NULL;
        now += USEC_PER_MINUTE;
        note(*state, LISTENER_PUBLIC, &a, 1);
        assert_int_equal(lines, ATTEMPTS_LINES_MAX + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_this_host_is_never_limited, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_subscriber_of_ipv6, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_the_table_is_bounded, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lines_are_bounded, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
