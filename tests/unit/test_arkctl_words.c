/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "arkctl/client.h"
#include "arkctl/resolve.h"
#include "arkctl/suggest.h"
#include "arkctl/verbs.h"

static void test_distance(void **state)
{
        static const struct {
                const char *a, *b;
                size_t distance;
        } cases[] = {
                { "list", "list", 0 },
                { "lst", "list", 1 },
                { "lisst", "list", 1 },
                { "lust", "list", 1 },
                { "lsit", "list", 1 }, /* swapped */
                { "", "list", 4 },
                { "delete", "deploy", 4 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(suggest_distance(cases[i].a, cases[i].b, 10), cases[i].distance);
                assert_int_equal(suggest_distance(cases[i].b, cases[i].a, 10), cases[i].distance);
        }
        assert_int_equal(suggest_distance("abcdef", "uvwxyz", 2), 3);
}

static void test_nearest(void **state)
{
        static const char *const words[] = { "deploy", NULL, "delete", "list", "logs", "log-level" };
        char long_word[200];

        assert_string_equal(suggest_nearest("deply", words, ELEMENTSOF(words)), "deploy");
        assert_string_equal(suggest_nearest("lsit", words, ELEMENTSOF(words)), "list");
        assert_string_equal(suggest_nearest("log-", words, ELEMENTSOF(words)), "log-level");
        assert_string_equal(suggest_nearest("DELETE", (const char *const[]){ "DELETE" }, 1), "DELETE");
        assert_null(suggest_nearest("xyzzy", words, ELEMENTSOF(words)));
        assert_null(suggest_nearest("", words, ELEMENTSOF(words)));
        assert_null(suggest_nearest("anything", words, 0));
        memset(long_word, 'l', sizeof long_word - 1);
        long_word[sizeof long_word - 1] = '\0';
        assert_null(suggest_nearest(long_word, words, ELEMENTSOF(words)));
}

static void test_prefix(void **state)
{
        static const char *const ids[] = { "client_abcdefabcdef", "client_abcxyzabcxyz",
                "client_qqqqqqqqqqqq", "client_" };
        const char *match = NULL;

        assert_int_equal(resolve_prefix("q", ids, 3, &match), 0);
        assert_ptr_equal(match, ids[2]);
        assert_int_equal(resolve_prefix("client_abcd", ids, 3, &match), 0);
        assert_ptr_equal(match, ids[0]);
        assert_int_equal(resolve_prefix("abc", ids, 3, &match), -ENOTUNIQ);
        assert_int_equal(resolve_prefix("client_", ids, 3, &match), -ENOTUNIQ);
        assert_int_equal(resolve_prefix("zzz", ids, 3, &match), -ENOENT);
        assert_int_equal(resolve_prefix("", ids, 1, &match), -ENOENT);
        assert_int_equal(resolve_prefix("q", ids, 0, &match), -ENOENT);
        /* The whole of one is that one, though another begins with it. */
        assert_int_equal(resolve_prefix("client_", ids, 4, &match), 0);
        assert_ptr_equal(match, ids[3]);
}

static void test_whole_id(void **state)
{
        assert_true(resolve_is_whole_id("client_abcdefabc234"));
        assert_false(resolve_is_whole_id("client_abcdefabc23"));
        assert_false(resolve_is_whole_id("client_abcdefabc2345"));
        assert_false(resolve_is_whole_id("client_ABCDEFabc234"));
        assert_false(resolve_is_whole_id("client_abcdefabc210"));
        assert_false(resolve_is_whole_id("abcdefabc234"));
}

static void test_exit_codes(void **state)
{
        static const struct {
                const char *name;
                int r;
                ExitCode code;
        } cases[] = {
                { "network.ark.Deploy1.Error.NoSuchInstance", -EIO, CTL_NOT_FOUND },
                { "network.ark.Deploy1.Error.NoSuchProduct", -EIO, CTL_NOT_FOUND },
                { "network.ark.Deploy1.Error.InvalidArgument", -EIO, CTL_USAGE },
                { "network.ark.Deploy1.Error.QuotaExceeded", -EIO, CTL_FAILED },
                { "network.ark.Deploy1.Error.InUse", -EIO, CTL_FAILED },
                { "network.ark.Deploy1.Error.EngineUnavailable", -EIO, CTL_UNAVAILABLE },
                { "network.ark.Deploy1.Error.NotIsolated", -EIO, CTL_UNAVAILABLE },
                { "network.ark.Deploy1.Error.StoreUnavailable", -EIO, CTL_UNAVAILABLE },
                { "network.ark.Deploy1.Error.Failed", -EIO, CTL_FAILED },
                { "network.ark.Deploy1.Error.OfTheFuture", -EIO, CTL_FAILED },
                { SD_BUS_ERROR_ACCESS_DENIED, -EACCES, CTL_DENIED },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, -EACCES, CTL_DENIED },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, -EHOSTUNREACH, CTL_UNAVAILABLE },
                { "org.freedesktop.DBus.Error.Spawn.ChildExited", -EIO, CTL_UNAVAILABLE },
                { SD_BUS_ERROR_UNKNOWN_METHOD, -EBADR, CTL_FAILED },
                { NULL, -ECONNRESET, CTL_UNAVAILABLE },
                { NULL, -EACCES, CTL_DENIED },
                { NULL, -ENOMEM, CTL_FAILED },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (bus_exit_code(cases[i].name, cases[i].r) != cases[i].code)
                        fail_msg("%s, %d", cases[i].name, cases[i].r);
        assert_non_null(bus_remedy(NULL, -ECONNRESET));
        assert_null(bus_remedy(NULL, -ENOMEM));
        assert_true(bus_is_unknown(&SD_BUS_ERROR_MAKE_CONST(SD_BUS_ERROR_UNKNOWN_METHOD, "")));
        assert_false(bus_is_unknown(&SD_BUS_ERROR_MAKE_CONST(SD_BUS_ERROR_ACCESS_DENIED, "")));
        assert_false(bus_is_unknown(&SD_BUS_ERROR_NULL));
}

/* Every option that names verbs names such as there are. */
static void test_options_and_verbs(void **state)
{
        for (size_t i = 0; i < n_options; i++) {
                size_t named = 0, found = 0;

                if (!options[i].verbs)
                        continue;
                for (const char *p = options[i].verbs; p[0] && p[1]; p++)
                        named += *p == ' ';
                for (const Verb *v = verbs; v->name; v++)
                        found += option_is_of(options + i, v);
                if (named != found)
                        fail_msg("--%s names %zu verbs, of which there are %zu", options[i].name, named,
                                        found);
        }
}

static void test_verb_find(void **state)
{
        char product[] = "product", list[] = "list", show[] = "show", id[] = "x";
        const Verb *verb;
        char **rest;

        assert_int_equal(verb_find((char *[]){ NULL }, &verb, &rest), CTL_OK);
        assert_string_equal(verb->name, "list");
        assert_int_equal(verb_find((char *[]){ product, NULL }, &verb, &rest), CTL_OK);
        assert_string_equal(verb->name, "product list");
        assert_null(rest[0]);
        assert_int_equal(verb_find((char *[]){ product, show, id, NULL }, &verb, &rest), CTL_OK);
        assert_string_equal(verb->name, "product show");
        assert_string_equal(rest[0], "x");
        assert_int_equal(verb_find((char *[]){ list, id, NULL }, &verb, &rest), CTL_USAGE);
        assert_int_equal(verb_find((char *[]){ show, NULL }, &verb, &rest), CTL_USAGE);
        assert_int_equal(verb_find((char *[]){ id, NULL }, &verb, &rest), CTL_USAGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_distance),
                cmocka_unit_test(test_nearest),
                cmocka_unit_test(test_prefix),
                cmocka_unit_test(test_whole_id),
                cmocka_unit_test(test_exit_codes),
                cmocka_unit_test(test_options_and_verbs),
                cmocka_unit_test(test_verb_find),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
