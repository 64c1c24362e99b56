/* SPDX-License-Identifier: MIT */

/* Who follows an instance's output gets all of it once, or is told what is missing. */

#include <stdio.h>

#include "basic/json-util.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

#define LINES 5000

/* Lines a millisecond apart, of each container. */
static char *output_new(const char *word, unsigned first, unsigned n)
{
        size_t size = (size_t) n * 80 + 1, used = 0;
        char *text = malloc(size);

        assert_non_null(text);
        *text = '\0';
        for (unsigned i = first; i < first + n; i++)
                used += (size_t) snprintf(text + used, size - used,
                                "2026-11-29T19:%02u:%02u.%03u000000Z %s %u\n", i / 60000, i / 1000 % 60,
                                i % 1000, word, i);
        return text;
}

/* The lines of an answer; the cursor is replaced by the next. */
static struct json_object *ask_logs(World *w, Ask *a, char cursor[256], unsigned lines)
{
        struct json_object *arguments = json_named("id", world_first(w)->id);
        const char *next;

        assert_int_equal(json_set_string(arguments, "cursor", cursor), 0);
        assert_int_equal(json_set(arguments, "lines", json_object_new_int((int) lines)), 0);
        ask_done(a);
        ask(w, a, "GetLogs", ROLE_LOCAL, "uid:0", arguments);
        world_run(w);
        assert_int_equal(a->fault, FAULT_NONE);
        assert_int_equal(json_get_string(a->result, "cursor", &next), 0);
        (void) snprintf(cursor, 256, "%s", next);
        return json_get(a->result, "lines");
}

static const char *line_at(struct json_object *lines, size_t i)
{
        return json_object_get_string(json_object_array_get_idx(lines, i));
}

static char *line_after(char *text, unsigned n)
{
        for (; n > 0; n--)
                text = strchr(text, '\n') + 1;
        return text;
}

static void follow_burst(unsigned page, unsigned end)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        _cleanup_free_ char *app = output_new("a", 0, LINES), *database = output_new("d", 500, 900);
        char cursor[256] = "", *app_rest = line_after(app, 10), *database_rest = line_after(database, 10);
        unsigned seen[] = { 9, 509 }, number;
        struct json_object *lines;
        char who;

        w->ports->app_output = app;
        w->ports->database_output = database;
        *app_rest = *database_rest = '\0'; /* so much is there when it begins */
        (void) ask_logs(w, &a, cursor, 3);
        *app_rest = *database_rest = '2';
        do {
                lines = ask_logs(w, &a, cursor, page);
                assert_in_range(json_object_array_length(lines), 1, page);
                for (size_t i = 0; i < json_object_array_length(lines); i++) {
                        assert_int_equal(sscanf(line_at(lines, i) + 31, "%*s %c %u", &who, &number), 2);
                        assert_int_equal(number, ++seen[who == 'd']);
                }
        } while (seen[0] < end);
        assert_true(seen[0] >= end && (end < LINES / 2 || seen[1] == 1399));
        world_free(w);
}

/* However many lines come at once: each is there once, and in its order. */
static void test_burst(void **state)
{
        follow_burst(1, 40);
        follow_burst(7, 800);
        follow_burst(1000, LINES - 1);
        follow_burst(10000, LINES - 1);
}

/* The engine has dropped what the caller has, and maybe more. */
static void test_lost(void **state)
{
        World *w = world_created(VARIANT_ALONE);
        _cleanup_ask_ Ask a = { 0 };
        _cleanup_free_ char *before = output_new("a", 0, 10), *after = output_new("a", 3000, LINES),
                            *anew = output_new("a", 4000, 3);
        char cursor[256] = "";
        struct json_object *lines;

        w->ports->app_output = before;
        (void) ask_logs(w, &a, cursor, 100);
        w->ports->app_output = after;
        lines = ask_logs(w, &a, cursor, 1);
        assert_int_equal(json_object_array_length(lines), 2);
        assert_non_null(strstr(line_at(lines, 0), " arkd Lines were lost here: "));
        assert_non_null(strstr(line_at(lines, 0), " in 3.0 seconds "));
        assert_string_equal(line_at(lines, 1) + 30, " app a 3000");
        lines = ask_logs(w, &a, cursor, 1);
        assert_int_equal(json_object_array_length(lines), 1);
        assert_string_equal(line_at(lines, 0) + 30, " app a 3001");
        /* A container that was made anew has lost nothing. */
        w->ports->app_output = anew;
        lines = ask_logs(w, &a, cursor, 100);
        assert_string_equal(line_at(lines, 0) + 30, " app a 4000");
        world_free(w);
}

/* A long line is not finished while others are: none is left out, whenever it is asked. */
static void test_unfinished(void **state)
{
        static const char *const t1 = "2026-11-29T19:00:00.100000000Z",
                                 *const t2 = "2026-11-29T19:00:00.200000000Z";
        World *w = world_created(VARIANT_ALONE);
        _cleanup_ask_ Ask a = { 0 };
        char cursor[256] = "", expected[128], text[256];

        (void) snprintf(text, sizeof text, "%s b\n%s\n", t2, t1);
        w->ports->app_output = text;
        assert_int_equal(json_object_array_length(ask_logs(w, &a, cursor, 10)), 1);
        (void) snprintf(expected, sizeof expected, "%s~%s,", t2, t1);
        assert_string_equal(cursor, expected);
        /* It is finished, and there are others; only one is wanted, though. */
        (void) snprintf(text, sizeof text, "%s b\n%s a\n", t2, t1);
        assert_string_equal(line_at(ask_logs(w, &a, cursor, 1), 0) + 30, " app a");
        world_free(w);
}

static void test_cursors(void **state)
{
        static const char *const bad[] = { "x", ",", "2026-11-29T19:00:00.100000000Z,x",
                "2026-11-29T19:00:00Z", "2026-11-29T19:00:00.100000000Z~1",
                "2026-11-29T19:00:00.100000000Z,2026-11-29T19:00:00.100000000Z,",
                "9999999999999999999999999999999999999999999999999999999999999999" };
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct json_object *arguments = json_named("id", world_first(w)->id);

                assert_int_equal(json_set_string(arguments, "cursor", bad[i]), 0);
                ask_done(&a);
                ask(w, &a, "GetLogs", ROLE_LOCAL, "uid:0", arguments);
                world_run(w);
                world_case("%s", bad[i]);
                world_assert(w, a.fault == (strcmp(bad[i], ",") == 0 ? FAULT_NONE : FAULT_INVALID_ARGUMENT));
        }
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_burst),
                cmocka_unit_test(test_lost),
                cmocka_unit_test(test_unfinished),
                cmocka_unit_test(test_cursors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
