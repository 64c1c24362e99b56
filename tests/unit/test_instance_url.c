/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arkctl/checks.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"

#define ID "client_abcdefghijkl"

static char id[] = ID;

static void test_applications_url(void **state)
{
        static const struct {
                const char *base, *configured;
                unsigned port;
                const char *expected;
        } cases[] = {
                { "http://h:3000", NULL, 3002, "http://h:3002" },
                { "http://h", NULL, 3002, "http://h:3002" },
                { "http://H.example:80/deploy", NULL, 3002, "http://H.example:3002" },
                { "http://[fd00::1]:3000", NULL, 3002, "http://[fd00::1]:3002" },
                { "http://[fd00::1]", NULL, 4000, "http://[fd00::1]:4000" },
                /* One port for both, however the landing page is reached. */
                { "http://h:3000", NULL, 3000, "http://h:3000" },
                { "http://h", NULL, 3000, "http://h" },
                { "http://h", NULL, 80, "http://h" },
                { "http://h:8080", NULL, 8080, "http://h:8080" },
                /* Which port has TLS is for the operator to say. */
                { "https://h", NULL, 3002, "https://h" },
                { "https://h:3000", NULL, 3002, "https://h:3000" },
                { "https://h", "https://apps.example", 3002, "https://apps.example" },
                { "https://h", "https://h:8443", 3002, "https://h:8443" },
                { "http://h:3000", "https://h:3000", 3002, "https://h:3000" },
                /* The same origin, in other words. */
                { "https://h", "https://H:443", 3002, "https://h" },
                { "http://h:80", "http://h/apps", 3002, "http://h:80" },
        };

        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                const ApplicationsAddress address = { (char *) cases[k].configured, cases[k].port };
                _cleanup_free_ char *url = applications_url(&address, cases[k].base);

                assert_string_equal(url, cases[k].expected);
        }
}

static void test_made(void **state)
{
        const ApplicationsAddress own = { .port = 3002 };
        _cleanup_free_ char *link = instance_url_make_link("http://h:3000", ID), *told = NULL, *host = NULL;
        Instance i = { .id = id, .access_url = link };

        assert_string_equal(link, "http://h:3000/instances/" ID "/");
        told = i.public_url = instance_url_make_public(&own, &i);
        assert_string_equal(told, "http://h:3002/instances/" ID "/");
        assert_string_equal(instance_url_public(&i), told);
        host = instance_url_host(&i);
        assert_string_equal(host, "h:3002");
        assert_int_equal(instance_url_place(&own, &i), PLACE_APPLICATIONS);
        assert_false(instance_url_is_outdated(&own, &i));
}

/* What it was told decides, and what this host has now. */
static void test_places(void **state)
{
        static char at_page[] = "http://h:3000/instances/" ID "/",
                    at_port[] = "http://h:3002/instances/" ID "/";
        static char url[] = "https://apps.example";
        const ApplicationsAddress own = { .port = 3002 }, other = { .port = 4000 }, named = { .url = url },
                                  shared = { .port = 3000 };
        const struct {
                const ApplicationsAddress *now;
                char *told;
                InstancePlace place;
                bool outdated;
        } cases[] = {
                { &own, NULL, PLACE_HERE, true },
                { &own, at_page, PLACE_HERE, true },
                { &own, at_port, PLACE_APPLICATIONS, false },
                { &other, at_port, PLACE_APPLICATIONS, true },
                { &named, at_port, PLACE_APPLICATIONS, true },
                { &named, NULL, PLACE_HERE, true },
                { &shared, NULL, PLACE_SHARED, false },
                { &shared, at_page, PLACE_SHARED, false },
                { &shared, at_port, PLACE_SHARED, true },
        };

        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                const Instance i = { .id = id, .access_url = at_page, .public_url = cases[k].told };

                assert_int_equal(instance_url_place(cases[k].now, &i), cases[k].place);
                assert_int_equal(instance_url_is_outdated(cases[k].now, &i), cases[k].outdated);
        }
}

/* The link is another since; what the application was told is where it was then. */
static void test_moved_places(void **state)
{
        static char page[] = "http://old:3000/instances/" ID "/",
                    port[] = "http://old:3002/instances/" ID "/";
        static char url[] = "https://apps.example";
        const ApplicationsAddress own = { .port = 3002 }, named = { .url = url };
        const struct {
                const ApplicationsAddress *now;
                const char *base;
                char *link, *told;
                InstancePlace place;
        } cases[] = {
                { &own, "http://new:3000", page, NULL, PLACE_HERE },
                { &own, "http://new:3000", page, page, PLACE_HERE },
                { &own, "http://new:3000", page, port, PLACE_APPLICATIONS },
                { &named, "https://new", page, port, PLACE_APPLICATIONS },
        };

        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                Instance i = { .id = id, .access_url = strdup(cases[k].link) };
                const char *told = cases[k].told ? cases[k].told : cases[k].link;

                i.public_url = cases[k].told ? strdup(cases[k].told) : NULL;
                assert_int_equal(instance_url_move_link(&i, cases[k].base), 1);
                assert_int_equal(instance_url_move_link(&i, cases[k].base), 0);
                assert_non_null(startswith(i.access_url, cases[k].base));
                assert_string_equal(instance_url_public(&i), told);
                assert_int_equal(instance_url_place(cases[k].now, &i), cases[k].place);
                assert_true(instance_url_is_outdated(cases[k].now, &i));
                free(i.access_url);
                free(i.public_url);
        }
}

/* A damaged record, or one of long ago, has no link. */
static void test_without_a_link(void **state)
{
        const ApplicationsAddress own = { .port = 3002 };
        const Instance i = { .id = id };
        _cleanup_free_ char *host = instance_url_host(&i);

        assert_string_equal(instance_url_public(&i), "");
        assert_string_equal(host, "");
        assert_int_equal(instance_url_place(&own, &i), PLACE_HERE);
        assert_int_equal(instance_url_move_link(&(Instance){ .id = id }, "http://h"), 0);
}

/* ---- What arkctl status makes of it ---- */

static void assert_check(const char *base, const char *applications, char **misplaced, Verdict verdict,
                const char *detail, const char *remedy)
{
        _cleanup_(checks_done) Checks checks = { 0 };

        assert_int_equal(check_applications(&checks, base, applications, misplaced), 0);
        assert_int_equal(checks.n, 1);
        assert_int_equal(checks.items[0].verdict, verdict);
        assert_non_null(strstr(checks.items[0].detail, detail));
        assert_int_equal(checks.items[0].remedy != NULL, remedy != NULL);
        if (remedy)
                assert_non_null(strstr(checks.items[0].remedy, remedy));
}

static void test_status(void **state)
{
        static char one[] = "client_a", two[] = "client_b";
        char *misplaced[] = { one, NULL, NULL };

        assert_check("http://h:3000", "http://h:3002", NULL, VERDICT_OK, "http://h:3002", NULL);
        assert_check("http://h:3000", "http://h:3000", misplaced, VERDICT_WARNING, "share",
                        "ApplicationsPort=");
        assert_check("https://h", "https://h", NULL, VERDICT_WARNING, "share", "ApplicationsURL=");
        assert_check("http://h:3000", "http://h:3002", misplaced, VERDICT_WARNING,
                        "1 instance of before has not moved to http://h:3002: client_a",
                        "\"arkctl restart --all\"");
        misplaced[1] = two;
        assert_check("http://h:3000", "http://h:3002", misplaced, VERDICT_WARNING,
                        "2 instances of before have not moved to http://h:3002: client_a, client_b",
                        "\"arkctl restart --all\"");
        assert_check("http://h:3000", NULL, NULL, VERDICT_SKIPPED, "too old", NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_applications_url),
                cmocka_unit_test(test_made),
                cmocka_unit_test(test_places),
                cmocka_unit_test(test_moved_places),
                cmocka_unit_test(test_without_a_link),
                cmocka_unit_test(test_status),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
