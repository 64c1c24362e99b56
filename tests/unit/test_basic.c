/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/parse.h"
#include "basic/random-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "basic/utf8.h"

static void test_parse_size(void **state)
{
        uint64_t v = 7;

        assert_int_equal(parse_size("128M", &v), 0);
        assert_int_equal(v, UINT64_C(128) << 20);
        assert_int_equal(parse_size("1KiB", &v), 0);
        assert_int_equal(v, 1024);
        assert_int_equal(parse_size("4G", &v), 0);
        assert_int_equal(v, UINT64_C(4) << 30);
        v = 7;
        assert_int_equal(parse_size("-1", &v), -EINVAL);
        assert_int_equal(parse_size("1X", &v), -EINVAL);
        assert_int_equal(parse_size("1Mx", &v), -EINVAL);
        assert_int_equal(parse_size("", &v), -EINVAL);
        assert_int_equal(parse_size("99999999999T", &v), -ERANGE);
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
                cmocka_unit_test(test_parse_size),
                cmocka_unit_test(test_parse_duration),
                cmocka_unit_test(test_parse_ipv4_network),
                cmocka_unit_test(test_timestamp),
                cmocka_unit_test(test_utf8),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_strings),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
