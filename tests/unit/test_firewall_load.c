/* SPDX-License-Identifier: MIT */

/* How the firewall loads its rules and looks after them, with a kernel that is the test's own. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/file-util.h"
#include "basic/string-util.h"
#include "firewall/firewall.h"
#include "firewall/monitor.h"
#include "firewall/ruleset.h"

/* ---- The kernel ---- */

static struct {
        unsigned loads;
        int list_error;
        const char *shown; /* of each table */
        const char *refuses; /* rules that hold this */
} kernel;

int ruleset_load(const char *text, char **ret_reason)
{
        if (kernel.refuses && strstr(text, kernel.refuses)) {
                *ret_reason = strdup("refused");
                return -EIO;
        }
        kernel.loads++;
        return 0;
}

int ruleset_check(const char *text, char **ret_reason)
{
        return 0;
}

int ruleset_list_table(const char *table, char **ret_text)
{
        if (kernel.list_error < 0)
                return kernel.list_error;
        *ret_text = strdup(kernel.shown);
        return *ret_text ? 0 : -ENOMEM;
}

static MonitorHandler tell;
static void *tell_whom;

int monitor_new(sd_event *event, MonitorHandler handler, void *userdata, Monitor **ret)
{
        tell = handler;
        tell_whom = userdata;
        *ret = NULL;
        return 0;
}

Monitor *monitor_free(Monitor *monitor)
{
        return NULL;
}

/* ---- The firewall ---- */

typedef struct Fixture {
        sd_event *event;
        char top[32], pattern[48], operator_rules[48], state[48], saved[48], saved_too[48];
        FirewallPaths paths;
        Firewall *firewall;
} Fixture;

static int set_up(void **state)
{
        Fixture *f = new0(Fixture, 1);

        assert_non_null(f);
        kernel = (typeof(kernel)){ .shown = "as it was" };
        (void) snprintf(f->top, sizeof f->top, "/tmp/ark-firewall-XXXXXX");
        assert_non_null(mkdtemp(f->top));
        (void) snprintf(f->pattern, sizeof f->pattern, "%s/*.nft", f->top);
        (void) snprintf(f->operator_rules, sizeof f->operator_rules, "%s/mine.nft", f->top);
        (void) snprintf(f->state, sizeof f->state, "%s/state", f->top);
        (void) snprintf(f->saved, sizeof f->saved, "%s/saved", f->top);
        (void) snprintf(f->saved_too, sizeof f->saved_too, "%s/saved-too", f->top);
        f->paths = (FirewallPaths){
                .config_file = "/nonexistent",
                .config_directory = "/nonexistent",
                .operator_rules = f->pattern,
                .state = f->state,
                .saved = f->saved,
                .saved_with_operator = f->saved_too,
        };
        assert_return_code(sd_event_new(&f->event), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        Fixture *f = *state;

        firewall_free(f->firewall);
        sd_event_unref(f->event);
        (void) unlink(f->operator_rules);
        (void) unlink(f->state);
        (void) unlink(f->saved);
        (void) unlink(f->saved_too);
        assert_return_code(rmdir(f->top), errno);
        free(f);
        return 0;
}

static char *text_of(const char *path)
{
        char *text;

        assert_int_equal(read_file(path, 65536, &text, NULL), 0);
        return text;
}

static void assert_published(const Fixture *f, bool in_force, unsigned restored)
{
        _cleanup_free_ char *text = text_of(f->state), *count = str_printf("\"restored\":%u,", restored);

        assert_non_null(strstr(text, in_force ? "\"in_force\":true" : "\"in_force\":false"));
        assert_non_null(strstr(text, count));
}

static void assert_loads(unsigned n)
{
        tell(MONITOR_TABLES, tell_whom);
        assert_int_equal(kernel.loads, n);
}

/* The rules are in force then, and nobody removed them. */
static void test_kernel_does_not_show_them(void **state)
{
        Fixture *f = *state;

        kernel.list_error = -ENOMEM;
        assert_return_code(firewall_new(f->event, &f->paths, &f->firewall), 0);
        assert_published(f, true, 0);
        assert_int_equal(kernel.loads, 1);
        kernel.list_error = 0;
        assert_loads(2);
        assert_published(f, true, 0);
        assert_loads(2);
}

static void test_kernel_stops_showing_them(void **state)
{
        Fixture *f = *state;

        assert_return_code(firewall_new(f->event, &f->paths, &f->firewall), 0);
        assert_loads(1);
        kernel.list_error = -ENOMEM;
        assert_loads(2);
        assert_published(f, true, 0);
}

static void test_somebody_removes_them(void **state)
{
        Fixture *f = *state;

        assert_return_code(firewall_new(f->event, &f->paths, &f->firewall), 0);
        kernel.shown = "otherwise";
        assert_loads(2);
        assert_published(f, true, 1);
}

static void test_kernel_refuses_them(void **state)
{
        Fixture *f = *state;

        kernel.refuses = "table inet arkd";
        assert_return_code(firewall_new(f->event, &f->paths, &f->firewall), 0);
        assert_published(f, false, 0);
        kernel.refuses = NULL;
        assert_loads(1);
        assert_published(f, true, 0);
}

static void assert_saved(const Fixture *f, bool with_operator)
{
        _cleanup_free_ char *own = text_of(f->saved), *all = text_of(f->saved_too);

        assert_non_null(strstr(own, "table bridge arkd {"));
        assert_null(strstr(own, "include"));
        assert_non_null(strstr(all, "table bridge arkd {"));
        assert_int_equal(strstr(all, f->pattern) != NULL, with_operator);
}

/* What is loaded without this service must not depend on files that may change. */
static void test_saved_without_the_operators(void **state)
{
        Fixture *f = *state;

        assert_int_equal(write_file_atomic(f->operator_rules, "accept\n", 0644), 0);
        assert_return_code(firewall_new(f->event, &f->paths, &f->firewall), 0);
        assert_saved(f, true);
        kernel.refuses = "include";
        firewall_reload(f->firewall);
        assert_published(f, true, 0);
        assert_saved(f, false);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_kernel_does_not_show_them, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_kernel_stops_showing_them, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_somebody_removes_them, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_kernel_refuses_them, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_saved_without_the_operators, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
