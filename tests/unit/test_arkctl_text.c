/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arkctl/checks.h"
#include "arkctl/logs.h"
#include "arkctl/progress.h"
#include "arkctl/text.h"
#include "basic/process-util.h"
#include "basic/time-util.h"

#define NOW (UINT64_C(1800000000) * USEC_PER_SEC) /* 2027-01-15 08:00:00 UTC */

static void test_span(void **state)
{
        static const struct {
                uint64_t s;
                const char *text;
        } cases[] = {
                { 0, "0s" },
                { 59, "59s" },
                { 60, "1min" },
                { 290, "4min 50s" },
                { 320, "5min" },
                { 3600, "1h" },
                { 7500, "2h 5min" },
                { 47 * 3600, "47h" },
                { 48 * 3600, "2 days" },
                { 30 * 86400 - 1, "30 days" },
                { 29 * 86400 + 11 * 3600, "29 days" },
        };
        char text[TEXT_SHORT_MAX];

        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_string_equal(text_span(cases[i].s * USEC_PER_SEC, text), cases[i].text);
        /* The longest there is has room. */
        (void) text_span(UINT64_MAX, text);
        assert_string_equal(text, "213503982 days");
}

static void test_relative(void **state)
{
        char text[TEXT_SHORT_MAX];

        assert_string_equal(text_relative(NOW - 90 * USEC_PER_SEC, NOW, text), "1min 30s ago");
        assert_string_equal(text_relative(NOW + 30 * USEC_PER_DAY, NOW, text), "in 30 days");
        assert_string_equal(text_relative(NOW, NOW, text), "now");
        assert_string_equal(text_relative(UINT64_MAX, NOW, text), "never");
}

static void set_zone(const char *zone)
{
        (void) setenv("TZ", zone, 1);
        tzset();
}

static void test_moments(void **state)
{
        const uint64_t late = NOW + 15 * USEC_PER_HOUR;
        char text[TEXT_SHORT_MAX];

        assert_string_equal(text_moment(NOW, text), "Fri 2027-01-15 08:00:00 UTC");
        assert_string_equal(text_moment(UINT64_MAX, text), "never");
        assert_string_equal(text_date(late, text), "2027-01-15");
        assert_string_equal(text_date(UINT64_MAX, text), "never");
        /* The day is the local clock's. */
        set_zone("CET-1");
        assert_string_equal(text_date(late, text), "2027-01-16");
        set_zone("UTC");
}

static void test_bytes(void **state)
{
        char text[TEXT_SHORT_MAX];

        assert_string_equal(text_bytes(0, text), "0B");
        assert_string_equal(text_bytes(1023, text), "1023B");
        assert_string_equal(text_bytes(1536, text), "1.5K");
        assert_string_equal(text_bytes(UINT64_C(46) << 20, text), "46.0M");
        assert_string_equal(text_bytes(UINT64_MAX, text), "16.0E");
}

static void test_cpu(void **state)
{
        char text[TEXT_SHORT_MAX];

        assert_string_equal(text_cpu(0, text), "0.000s");
        assert_string_equal(text_cpu(UINT64_C(1204999999), text), "1.204s");
        assert_string_equal(text_cpu(UINT64_C(59999000000), text), "59.999s");
        assert_string_equal(text_cpu(UINT64_C(60000000000), text), "1min 0.000s");
        assert_string_equal(text_cpu(UINT64_C(3723500000000), text), "1h 2min 3.500s");
}

static void test_parse_moment(void **state)
{
        static const struct {
                const char *s;
                int64_t after_s; /* after NOW */
        } good[] = {
                { "90d", 90 * 86400 },
                { "+90d", 90 * 86400 },
                { "2h 30min", 9000 },
                { "2027-01-15", 16 * 3600 - 1 }, /* today, to its end */
                { "2027-01-16 08:00", 86400 },
                { "2027-01-15 08:00:30", 30 },
                { "2027-01-15T08:00:01Z", 1 },
                { "2028-02-29", 410 * 86400 + 16 * 3600 - 1 },
        };
        static const struct {
                const char *s;
                int error;
        } bad[] = {
                { "", -EINVAL },
                { "soon", -EINVAL },
                { "30", -EINVAL }, /* of what? */
                { "-1d", -EINVAL },
                { "2027-02-29", -EINVAL },
                { "2027-13-01", -EINVAL },
                { "2027-01-16 25:00", -EINVAL },
                { "2027-01-16 tomorrow", -EINVAL },
                { "2027-01-14", -ERANGE },
                { "0", -ERANGE },
                { "infinity", -ERANGE },
                { "99999999999999999999d", -ERANGE },
        };
        uint64_t usec = 7;

        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                if (text_parse_moment(bad[i].s, NOW, &usec) != bad[i].error)
                        fail_msg("\"%s\"", bad[i].s);
        assert_int_equal(usec, 7);
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                if (text_parse_moment(good[i].s, NOW, &usec) < 0)
                        fail_msg("\"%s\"", good[i].s);
                if (usec != NOW + (uint64_t) good[i].after_s * USEC_PER_SEC)
                        fail_msg("\"%s\" is %lld s from now", good[i].s,
                                        (long long) (usec / USEC_PER_SEC) -
                                                        (long long) (NOW / USEC_PER_SEC));
        }
        assert_int_equal(text_parse_moment("forever", NOW, &usec), 0);
        assert_true(usec == UINT64_MAX);
}

static void test_parse_age(void **state)
{
        uint64_t usec;

        assert_int_equal(text_parse_age("30d", &usec), 0);
        assert_true(usec == 30 * USEC_PER_DAY);
        assert_int_equal(text_parse_age("0", &usec), 0);
        assert_int_equal(usec, 0);
        assert_int_equal(text_parse_age("30", &usec), -EINVAL);
        assert_int_equal(text_parse_age("", &usec), -EINVAL);
        assert_int_equal(text_parse_age("d", &usec), -EINVAL);
}

static void assert_truncated(const char *s, size_t columns, const char *expected)
{
        char *copy = strdup(s);

        text_truncate(copy, columns);
        assert_string_equal(copy, expected);
        assert_true(text_columns(copy) <= columns);
        free(copy);
}

static void test_truncate(void **state)
{
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        assert_truncated("short", 10, "short");
        assert_truncated("exactly", 7, "exactly");
        assert_truncated("too long", 5, "too …");
        /* Where two letters would do, three go: the mark has three bytes. */
        assert_truncated("reader", 5, "rea…");
        assert_truncated("ab", 1, "");
        assert_truncated("Ñandú y café", 6, "Ñandú…");
        assert_truncated("日本語", 5, "日本…");
        assert_truncated("日本語", 4, "日…");
        assert_truncated("broken \xff\xfe bytes", 9, "broken \xff…");
        /* Its marks take three columns where there is no UTF-8. */
        assert_non_null(setlocale(LC_CTYPE, "C"));
        assert_truncated("a long line", 8, "a lon...");
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void test_progress_line(void **state)
{
        char *line;

        line = progress_line(0.5, "image", "Fetching", 2500000, 200, false);
        assert_string_equal(line, "############------------  50%   2.5s  image: Fetching");
        free(line);
        line = progress_line(-1, "queued", "", 0, 200, false);
        assert_string_equal(line, "------------------------   0%   0.0s  queued");
        free(line);
        line = progress_line(7, "health", "", 0, 200, true);
        assert_int_equal(text_columns(line), strlen("######################## 100%   0.0s  health"));
        free(line);
        line = progress_line(0.5, "image", "A message that goes on and on", 0, 40, true);
        assert_int_equal(text_columns(line), 40);
        free(line);
}

static void test_log_line(void **state)
{
        LogLine line;

        assert_int_equal(log_line_parse("2026-11-24T15:40:01.123456789Z app a text of words", &line), 0);
        assert_string_equal(line.source, "app");
        assert_string_equal(line.text, "a text of words");
        assert_int_equal(line.usec % USEC_PER_SEC, 123456);
        assert_int_equal(log_line_parse("2026-11-24T15:40:01.123456789Z db ", &line), 0);
        assert_string_equal(line.text, "");
        assert_int_equal(log_line_parse("", &line), -EINVAL);
        assert_int_equal(log_line_parse("2026-11-24T15:40:01.123456789Z", &line), -EINVAL);
        assert_int_equal(log_line_parse("yesterday app text", &line), -EINVAL);
        assert_int_equal(log_line_parse("2026-11-24T15:40:01.123456789Z  text", &line), -EINVAL);
        assert_int_equal(log_line_parse("2026-11-24T15:40:01Z a-source-that-is-too-long x", &line), -EINVAL);
        assert_int_equal(log_line_parse("2026-11-24T15:40:01.1234567890123456789012345Z app x", &line),
                        -EINVAL);
}

static void test_taken_ports(void **state)
{
        const char *text =
                        "# Written\npublic 3000 IPv4 free\npublic 3000 IPv6 taken\nadmin 3001 IPv4 free\n";
        unsigned port = 7;

        assert_int_equal(ports_find_taken(text, "admin", &port), -ENOENT);
        assert_int_equal(port, 7);
        assert_int_equal(ports_find_taken(text, "public", &port), 0);
        assert_int_equal(port, 3000);
        assert_int_equal(ports_find_taken("public 3000", "public", &port), -ENOENT);
        assert_int_equal(ports_find_taken("", "public", &port), -ENOENT);
        assert_int_equal(ports_find_taken("public 3000 IPv4 free\npublic 80 IPv4 taken\n", "public", &port),
                        -ENOENT);
}

/* Whatever becomes of it, the site is served. */
static void test_web_port(void **state)
{
        static const struct {
                const char *text, *detail;
                bool remedy;
        } cases[] = {
                { "public 3000 IPv4 free\nweb 80 IPv4 free\n", "Port 80 leads to the landing page", false },
                { "web 80 IPv4 absent\nweb 80 IPv6 free\n", "Port 80 leads to the landing page", false },
                { "public 3000 IPv4 free\npublic 81 IPv4 free", "The landing page is on port 81, too",
                                false },
                { "web 80 IPv4 taken\n", "left to another service; see /usr/share/arkd/nginx/operator",
                                true },
                { "public 80 IPv4 taken\n", "left to another service; see /usr/share/arkd/nginx/operator",
                                true },
                { "web 80 IPv4 waiting\n", "not served before arkd-nginx is restarted", true },
                { "public 3000 IPv4 free\n", "No port is asked for", false },
                { "", "No port is asked for", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Checks checks = { 0 };

                assert_int_equal(checks_add_web(&checks, cases[i].text), 0);
                assert_int_equal(checks.n, 1);
                assert_int_equal(checks.items[0].verdict, VERDICT_OK);
                assert_non_null(strstr(checks.items[0].detail, cases[i].detail));
                assert_int_equal(checks.items[0].remedy != NULL, cases[i].remedy);
                checks_done(&checks);
        }
}

static void test_state(void **state)
{
        assert_int_equal(verdict_of_state(S_IFDIR | 0710, 0), VERDICT_OK);
        assert_int_equal(verdict_of_state(S_IFDIR | 0711, 0), VERDICT_OK);
        assert_int_equal(verdict_of_state(S_IFSOCK | 0660, 0), VERDICT_OK);
        assert_int_equal(verdict_of_state(S_IFDIR | 0755, 0), VERDICT_WARNING);
        assert_int_equal(verdict_of_state(S_IFDIR | 0702, 0), VERDICT_FAILED);
        assert_int_equal(verdict_of_state(S_IFSOCK | 0666, 0), VERDICT_FAILED);
        assert_int_equal(verdict_of_state(S_IFDIR | 0700, 1000), VERDICT_FAILED);
}

static void test_meminfo(void **state)
{
        const char *text = "MemTotal:       24000000 kB\nMemAvailable:    1024 kB\n";
        uint64_t bytes = 7;

        assert_int_equal(meminfo_find(text, "MemAvailable:", &bytes), 0);
        assert_int_equal(bytes, 1024 * 1024);
        assert_int_equal(meminfo_find(text, "MemTotal:", &bytes), 0);
        assert_true(bytes == UINT64_C(24000000) * 1024);
        assert_int_equal(meminfo_find(text, "Total:", &bytes), -ENOENT);
        assert_int_equal(meminfo_find("MemTotal: much\n", "MemTotal:", &bytes), -EINVAL);
        assert_int_equal(meminfo_find("", "MemTotal:", &bytes), -ENOENT);
}

static void test_verdict(void **state)
{
        assert_int_equal(verdict_of_free(100, 50, 10), VERDICT_OK);
        assert_int_equal(verdict_of_free(50, 50, 10), VERDICT_OK);
        assert_int_equal(verdict_of_free(49, 50, 10), VERDICT_WARNING);
        assert_int_equal(verdict_of_free(9, 50, 10), VERDICT_FAILED);
}

static void test_open(void **state)
{
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "landing networks\ninstances networks\nfunnel refused\n",
                                "The networks in arkd.conf may use the landing page and instances" },
                { "# By hand\nlanding everybody\ninstances everybody\nfunnel allowed\n",
                                "Everybody may use the landing page and instances; Funnel lets the internet "
                                "in" },
                { "landing everybody\ninstances networks\nfunnel refused",
                                "Everybody may use the landing page, and the networks in arkd.conf "
                                "instances" },
                { "landing networks\ninstances everybody\nfunnel allowedly\n",
                                "Everybody may use instances, and the networks in arkd.conf the landing "
                                "page" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *sentence = open_to_sentence(cases[i].text);

                assert_string_equal(sentence, cases[i].sentence);
        }
}

/* Each file system once, with all that is on it; what is not there is left out. */
static void test_disks(void **state)
{
        static const DiskPlace places[] = { { "/", 0, 0, false }, { "/nowhere/at/all", 1, 1, false },
                { "/proc", 2, 1, true }, { "/proc/sys", 2, 1, true } };
        Checks checks = { 0 };

        assert_int_equal(checks_add_disks(&checks, places, ELEMENTSOF(places)), 0);
        assert_int_equal(checks.n, 2);
        assert_int_equal(checks.items[0].verdict, VERDICT_OK);
        assert_non_null(strstr(checks.items[0].detail, " free under /"));
        assert_null(checks.items[0].remedy);
        assert_int_equal(checks.items[1].verdict, VERDICT_FAILED);
        assert_string_equal(
                        strstr(checks.items[1].detail, " free"), " free under /proc"); /* and all below it */
        assert_non_null(strstr(checks.items[1].remedy, "journalctl"));
        checks_done(&checks);
        assert_int_equal(checks_add_disks(&checks, places + 1, 1), 0);
        assert_int_equal(checks.n, 1);
        assert_int_equal(checks.items[0].verdict, VERDICT_SKIPPED);
        checks_done(&checks);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_state),
                cmocka_unit_test(test_span),
                cmocka_unit_test(test_relative),
                cmocka_unit_test(test_moments),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_cpu),
                cmocka_unit_test(test_parse_moment),
                cmocka_unit_test(test_parse_age),
                cmocka_unit_test(test_truncate),
                cmocka_unit_test(test_progress_line),
                cmocka_unit_test(test_log_line),
                cmocka_unit_test(test_meminfo),
                cmocka_unit_test(test_taken_ports),
                cmocka_unit_test(test_web_port),
                cmocka_unit_test(test_open),
                cmocka_unit_test(test_verdict),
                cmocka_unit_test(test_disks),
        };

        set_zone("UTC");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
