/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/last-words.h"
#include "basic/parse.h"
#include "basic/random-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "basic/utf8.h"

static void test_parse_cpu_count(void **state)
{
        static const char *const bad[] = { "", "-1", "1.", ".5", "1.5x", "1e3", "0.001", "1025", "two" };
        uint64_t v;

        assert_int_equal(parse_cpu_count("0", &v), 0);
        assert_int_equal(v, 0);
        assert_int_equal(parse_cpu_count("1.5", &v), 0);
        assert_int_equal(v, 1500000000);
        assert_int_equal(parse_cpu_count("0.1234567891", &v), 0);
        assert_int_equal(v, 123456789);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_true(parse_cpu_count(bad[i], &v) < 0);
}

static void test_parse_size(void **state)
{
        uint64_t v = 7;

        assert_int_equal(parse_size("128M", &v), 0);
        assert_int_equal(v, UINT64_C(128) << 20);
        assert_int_equal(parse_size("1KiB", &v), 0);
        assert_int_equal(v, 1024);
        assert_int_equal(parse_size("4G", &v), 0);
        assert_int_equal(v, UINT64_C(4) << 30);
        static const char *const half[] = { "512M", "512m", "512Mi", "512MB", "512MiB", "512mb", "0.5G",
                "0.5g", "0.50GiB", "0.5 GB", "524288 K", "536870912", "536870912B", "536870912 b" };
        for (size_t i = 0; i < ELEMENTSOF(half); i++) {
                v = 7;
                if (parse_size(half[i], &v) != 0 || v != UINT64_C(512) << 20)
                        fail_msg("%s is %ju", half[i], (uintmax_t) v);
        }
        assert_int_equal(parse_size("1.5T", &v), 0);
        assert_int_equal(v, UINT64_C(3) << 39);
        assert_int_equal(parse_size("1.333333333333G", &v), 0);
        assert_int_equal(v, (UINT64_C(1333333) << 30) / 1000000);
        v = 7;
        static const char *const bad[] = { "", "-1", "1X", "1Mx", "1.5", "1.5B", "1.M", ".5G", "1,5G", "1Bi",
                "1i", "1iB", "1KK", "1e3", "M", " 1M", "1M ", "1.5.5M", "0x10" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (parse_size(bad[i], &v) != -EINVAL)
                        fail_msg("%s is taken for a size", bad[i]);
        assert_int_equal(parse_size("99999999999T", &v), -ERANGE);
        assert_int_equal(parse_size("16777216T", &v), -ERANGE);
        assert_int_equal(v, 7);
}

static void test_parse_duration(void **state)
{
        uint64_t v;

        assert_int_equal(parse_duration("30d", &v), 0);
        assert_int_equal(v, 30 * USEC_PER_DAY);
        assert_int_equal(parse_duration("1h 30min", &v), 0);
        assert_int_equal(v, 90 * USEC_PER_MINUTE);
        assert_int_equal(parse_duration("90", &v), 0);
        assert_int_equal(v, 90 * USEC_PER_SEC);
        assert_int_equal(parse_duration("infinity", &v), 0);
        assert_int_equal(v, UINT64_MAX);
        assert_int_equal(parse_duration("", &v), -EINVAL);
        assert_int_equal(parse_duration("3 fortnights", &v), -EINVAL);
        assert_int_equal(parse_duration("99999999999999w", &v), -ERANGE);
}

static void test_parse_ipv4_network(void **state)
{
        static const char *const bad[] = { "", "/", "10.231.16.0", "10.231.16.0/", "10.231.16.0/0",
                "10.231.16.0/33", "10.231.16.0/-1", "10.231.16.0/28 ", " 10.231.16.0/28", "10.231.16/28",
                "10.231.16.1/28", "10.231.16.0/16", "0.0.0.1/31", "256.0.0.0/8", "::1/128",
                "100.100.100.1000/32", "100.100.100.100.100/32" };
        uint32_t base = 7;
        unsigned bits = 7;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(parse_ipv4_network(bad[i], &base, &bits), -EINVAL);
        assert_int_equal(base, 7);
        assert_int_equal(bits, 7);
        assert_int_equal(parse_ipv4_network("10.231.16.0/28", &base, &bits), 0);
        assert_int_equal(base, 0x0ae71000);
        assert_int_equal(bits, 28);
        assert_int_equal(parse_ipv4_network("255.255.255.255/32", &base, &bits), 0);
        assert_int_equal(base, UINT32_MAX);
        assert_int_equal(bits, 32);
        assert_int_equal(parse_ipv4_network("128.0.0.0/1", &base, &bits), 0);
        assert_int_equal(base, 0x80000000);
}

static void test_timestamp(void **state)
{
        char buffer[TIMESTAMP_MAX];
        uint64_t v;

        assert_string_equal(
                        format_timestamp(UINT64_C(1795532000123456), buffer), "2026-11-24T14:53:20.123456Z");
        assert_int_equal(parse_timestamp(buffer, &v), 0);
        assert_int_equal(v, UINT64_C(1795532000123456));
        assert_int_equal(parse_timestamp("2026-11-24T14:53:20Z", &v), 0);
        assert_int_equal(v, UINT64_C(1795532000000000));
        assert_int_equal(parse_timestamp("2026-11-24T14:53:20.1234567+00:00", &v), 0);
        assert_true(v == UINT64_C(1795532000123456));
        assert_int_equal(parse_timestamp("2026-11-24T20:23:20+05:30", &v), 0);
        assert_true(v == UINT64_C(1795532000000000));
        assert_int_equal(parse_timestamp("2026-11-24T11:53:20-0300", &v), 0);
        assert_true(v == UINT64_C(1795532000000000));
        assert_int_equal(parse_timestamp("2026-11-24T14:53:20", &v), -EINVAL);
        assert_int_equal(parse_timestamp("2026-11-24T14:53:20+", &v), -EINVAL);
        assert_int_equal(parse_timestamp("2026-11-24", &v), -EINVAL);
        assert_int_equal(parse_timestamp("2026-11-24T14:53:20Zx", &v), -EINVAL);
}

static void test_utf8(void **state)
{
        _cleanup_free_ char *fixed = NULL;
        size_t n = 0;

        assert_int_equal(utf8_count_printable("Panadería Núñez 🥖", &n), 0);
        assert_int_equal(n, 17);
        assert_int_equal(utf8_count_printable("a\nb", &n), -EINVAL);
        assert_int_equal(utf8_count_printable("\xc0\xaf", &n), -EINVAL);
        assert_int_equal(utf8_count_printable("a\xe2\x80\xae"
                                              "b",
                                         &n),
                        -EINVAL);
        assert_int_equal(utf8_count_printable("\xe2\x80\x8b", &n), -EINVAL); /* zero width space */
        assert_int_equal(utf8_count_printable("a\xc2\xad", &n), -EINVAL); /* soft hyphen */
        assert_int_equal(utf8_count_printable("👩‍👧", &n), 0);
        assert_true(utf8_is_blank(" \xc2\xa0\xe3\x80\x80")); /* with no-break and ideographic space */
        assert_false(utf8_is_blank(" ñ"));
        assert_false(utf8_is_valid("\xed\xa0\x80", 3));
        assert_false(utf8_is_valid("\xf5\x80\x80\x80", 4));
        fixed = utf8_make_valid("ok\xff\x1b[31m\n", 9);
        assert_string_equal(fixed, "ok\xef\xbf\xbd [31m\n");
}

static void test_json(void **state)
{
        _cleanup_json_ struct json_object *o = NULL;
        const char *s = NULL, *reason = NULL;
        uint64_t u = 5;

        assert_int_equal(json_parse("{\"a\":1,\"b\":\"x\\u0000y\",\"c\":-1}", 29, &o, NULL), 0);
        assert_int_equal(json_get_u64(o, "a", &u), 0);
        assert_int_equal(u, 1);
        assert_int_equal(json_get_u64(o, "c", &u), -ERANGE);
        assert_int_equal(json_get_string(o, "a", &s), -EINVAL);
        assert_int_equal(json_get_string(o, "b", &s), -EINVAL);
        assert_int_equal(json_get_string(o, "zz", &s), -ENOENT);

        _cleanup_json_ struct json_object *q = NULL;
        const char *text = "{\"\u00f1\":\"\u00e9 \u2014 \U0001F680 \\u00e9\"}";
        assert_int_equal(json_parse(text, strlen(text), &q, &reason), 0);
        assert_int_equal(json_get_string(q, "\u00f1", &s), 0);
        assert_string_equal(s, "\u00e9 \u2014 \U0001F680 \u00e9");

        static const char *const bare[] = { "null", "12", "\"x\"", "true", "false", "-1.5", " 12 ",
                "null\n" };
        for (size_t i = 0; i < ELEMENTSOF(bare); i++) {
                struct json_object *p = NULL;

                reason = NULL;
                assert_int_equal(json_parse(bare[i], strlen(bare[i]), &p, &reason), 0);
                assert_null(reason);
                assert_true(strstr(bare[i], json_object_to_json_string(p)));
                json_object_put(p);
        }

        static const char *const bad[] = { "", "{", "{} x", "nul", "[1,]", "{\"a\":NaN}", "\"\xff\"",
                "12 13", "nullx", "1 ,", "1e", "-", "\"x\" y", "truefalse" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct json_object *p = NULL;

                assert_int_equal(json_parse(bad[i], strlen(bad[i]), &p, &reason), -EINVAL);
                assert_null(p);
                assert_non_null(reason);
        }
}

/* Where a mistake is, and what it is. */
static void test_json_places(void **state)
{
        static const struct {
                const char *text, *reason;
        } bad[] = {
                { "{\"a\": 1,\n \"b\" 2}", "line 2, column 6: " },
                { "{\"a\": 1\n \"b\": 2}", "line 2, column 2: " },
                { "{\n\t\"a\": 1,\n}", "line 3, column 1: " },
                { "{\"\u00f1\U0001F680\": x}", "line 1, column 8: " },
                { "{\"a\": [1,\n2", "line 2, column 2: it ends too early" },
                { "{}\n\n x", "line 3, column 2: " },
                { "{\"a\": 1,\r\n\"b\": \"\xff\"}", "line 2, column 7: it is not valid UTF-8" },
                { "\xef\xbb\xbf{\"a\" 1}", "line 1, column 6: " },
                { "", "it is empty" },
                { "{\"a\": NaN}", "NaN" },
                { "{\"a\": 1, \"a\": 1}", "line 1, column 10: \u201ca\u201d is there twice" },
                { "{\"a\": {\"b\": {}, \"c\": 2,\n\"b\": {}}}", "line 2, column 1: \u201ca.b\u201d is" },
                { "[{\"a\": [1, {\"x\": \"}\\\"{\"}, {\"b\": 1, \"b\": null}]}]",
                                "\u201ca.b\u201d is there" },
                { "{\"a\": 1, \"\\u0061\": 1}", "\u201ca\u201d is there twice" },
                { "{\"\u00f1\": 1, \"\\u00F1\": 1}", "\u201c\u00f1\u201d is there twice" },
                { "{\"\": 1, \"\": 1}", "\u201c\u201d is there twice" },
                { "{\"x\\u001b\": 1, \"x\\u001b\": 1}", "\u201cx \u201d is there twice" },
        };
        static const char *const good[] = { "{\"a\": {\"a\": [{\"a\": 1}, {\"a\": 1}]}, \"b\": {\"a\": 1}}",
                "[]", "12", "{\"a\": \"\\\\\", \"b\": \"\\\"a\\\": 1, \", \"A\": 1}", "\xef\xbb\xbf{}",
                "{ \"a\" : [ ] , \"b\" : { } , \"c\" : [ [ ] , 1 ] }" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct json_object *p = NULL;
                char *reason = NULL;

                assert_int_equal(json_parse_written(bad[i].text, strlen(bad[i].text), &p, &reason), -EINVAL);
                assert_null(p);
                if (!strstr(reason, bad[i].reason))
                        fail_msg("%s: %s", bad[i].text, reason);
                free(reason);
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                struct json_object *p = NULL;
                char *reason = NULL;

                assert_int_equal(json_parse_written(good[i], strlen(good[i]), &p, &reason), 0);
                assert_null(reason);
                assert_non_null(p);
                json_object_put(p);
        }
}

static void assert_chosen(const char *const *lines, size_t n, size_t max, const char *expected)
{
        bool keep[32];
        char shown[33] = "";
        size_t kept = last_words_choose(lines, n, max, keep);

        for (size_t i = 0; i < n; i++) {
                strcat(shown, keep[i] ? "+" : "-");
                kept -= keep[i];
        }
        assert_int_equal(kept, 0);
        assert_string_equal(shown, expected);
}

static void test_last_words(void **state)
{
        static const char *const java[] = { "starting", "Exception in thread \"main\"", "\tat a", "\tat b",
                "\tat c", "\tat d", "\tat e", "\tat f", "Caused by: it", "\tat g", "\t... 9 more", "ended" };
        static const char *const go[] = { "panic: boom", "goroutine 1 [running]:", "main.a()", "\t/a.go:1",
                "main.b()", "\t/a.go:2", "main.c()", "\t/a.go:3" };
        static const char *const php[] = { "PHP Fatal error: x", "#0 a", "#1 b", "#2 c", "#3 d", "#4 e",
                "#5 f" };
        static const char *const plain[] = { "a", "b", "c", "d" };

        assert_chosen(java, ELEMENTSOF(java), 9, "-+++--++++++");
        assert_chosen(java, ELEMENTSOF(java), 20, "++++--++++++");
        assert_chosen(java, ELEMENTSOF(java), 4, "--------++++");
        assert_chosen(go, ELEMENTSOF(go), 10, "++++--++");
        assert_chosen(php, ELEMENTSOF(php), 5, "+++--++");
        assert_chosen(plain, ELEMENTSOF(plain), 3, "-+++");
        assert_chosen(plain, ELEMENTSOF(plain), 9, "++++");
        assert_chosen(plain, 0, 9, "");
        assert_chosen(php + 1, 6, 9, "++--++");
}

static void test_random(void **state)
{
        char a[33], b[33];

        assert_int_equal(random_string(ALPHABET_BASE32, 32, a), 0);
        assert_int_equal(random_string(ALPHABET_BASE32, 32, b), 0);
        assert_int_equal(strlen(a), 32);
        assert_int_equal(strspn(a, ALPHABET_BASE32), 32);
        assert_string_not_equal(a, b);
}

static void test_strings(void **state)
{
        _cleanup_free_ char *s = str_replace("a secret, secret", "secret", "***");
        _cleanup_(strv_freep) char **l = NULL;

        assert_string_equal(s, "a ***, ***");
        assert_int_equal(strv_split(" a, b ,,c", ", ", &l), 0);
        assert_int_equal(strv_length(l), 3);
        assert_string_equal(l[2], "c");
        assert_true(str_equal_secret("abc", "abc"));
        assert_false(str_equal_secret("abc", "abd"));
        assert_false(str_equal_secret("abc", "ab"));
}

static void test_lists(void **state)
{
        _cleanup_(strv_freep) char **l = NULL, **sorted = NULL, **copy = NULL;

        assert_int_equal(strv_split("b d c", " ", &l), 0);
        assert_int_equal(strv_split("b c d", " ", &sorted), 0);
        assert_false(strv_equal(l, sorted));
        assert_false(strv_equal(l, NULL));
        assert_false(strv_equal(l, l + 1));
        assert_true(strv_equal(NULL, NULL));
        strv_sort(l);
        strv_sort(NULL);
        assert_true(strv_equal(l, sorted));
        assert_int_equal(strv_copy(l, &copy), 0);
        assert_true(copy != l && strv_equal(copy, l));
        assert_int_equal(strv_copy(NULL, &copy), 0);
        assert_null(copy);
}

static void test_files(void **state)
{
        char directory[] = "/tmp/ark-test-XXXXXX";
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t n;

        assert_non_null(mkdtemp(directory));
        path = str_printf("%s/f", directory);
        assert_int_equal(write_file_atomic(path, "hello", 0600), 0);
        assert_int_equal(write_file_atomic(path, "hello again", 0600), 0);
        assert_int_equal(read_file(path, 5, &text, &n), -EFBIG);
        assert_int_equal(read_file(path, 11, &text, &n), 0);
        assert_string_equal(text, "hello again");
        assert_int_equal(n, 11);
        unlink(path);
        rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse_cpu_count),
                cmocka_unit_test(test_parse_size),
                cmocka_unit_test(test_parse_duration),
                cmocka_unit_test(test_parse_ipv4_network),
                cmocka_unit_test(test_timestamp),
                cmocka_unit_test(test_utf8),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_json_places),
                cmocka_unit_test(test_last_words),
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_strings),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
