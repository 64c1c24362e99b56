/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "basic/macro.h"
#include "journal/line.h"
#include "journal/pieces.h"
#include "journal/shares.h"

#define SECOND UINT64_C(1000000)

static int parse(const char *text, JournalLine *ret)
{
        static char buffer[1024];
        size_t n = strlen(text);

        assert_true(n < sizeof buffer);
        (void) strcpy(buffer, text);
        return journal_line_parse(buffer, n, ret);
}

static void test_line(void **state)
{
        static const char *const bad[] = { "", "x", "<", "<30>", "<30>1 ", "<30>2 t h a/b/c 1 m - x",
                "<-1>1 t h a/b/c 1 m - x", "<9999>1 t h a/b/c 1 m - x", "<30>1 t h a/b 1 m - x",
                "<30>1 t h a//c 1 m - x", "<30>1 t h a/b\n/c 1 m - x", "<30>1 t h a=b/b/c 1 m - x",
                "<30>1 t h a/b/c 1 m x", "<30>1 t h a/b/c 1 m [x y=\"z\"] x", "<x>1 t h a/b/c 1 m - x" };
        JournalLine line;

        assert_int_equal(parse("<27>1 2026-11-29T13:25:31.189644Z host client_x/client_x_db/c7d5 96 "
                               "client_x/y/z - "
                               "a <b> / - c\n",
                                         &line),
                        0);
        assert_int_equal(line.priority, LOG_ERR);
        assert_string_equal(line.instance, "client_x");
        assert_string_equal(line.container, "client_x_db");
        assert_string_equal(line.id, "c7d5");
        assert_int_equal(line.n_text, strlen("a <b> / - c"));
        assert_memory_equal(line.text, "a <b> / - c", line.n_text);
        assert_int_equal(parse("<30>1 t h a/b/c 1 m - \n", &line), 0);
        assert_int_equal(line.n_text, 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(parse(bad[i], &line), -EINVAL);
}

static size_t print(Shares *shares, const char *instance, size_t times, size_t n, uint64_t now)
{
        size_t taken = 0;

        for (size_t i = 0; i < times; i++)
                taken += shares_take(shares, instance, n, now);
        return taken;
}

/* One that floods loses its own lines, and nobody else any. */
static void test_flood(void **state)
{
        static Shares shares;
        const char *instance = NULL;
        uint64_t left_out = 0, now = SECOND;
        size_t at = 0;

        assert_int_equal(print(&shares, "flood", 150000, 10, now), 10000);
        assert_int_equal(print(&shares, "other", 100, 10, now), 100);
        assert_true(shares_report(&shares, &at, now, &instance, &left_out));
        assert_string_equal(instance, "flood");
        assert_int_equal(left_out, 140000);
        assert_false(shares_report(&shares, &at, now, &instance, &left_out));
        /* A little goes on, and what was left out meanwhile is told once in a while. */
        assert_int_equal(print(&shares, "flood", 1000, 10, now + SECOND), 50);
        at = 0;
        assert_false(shares_report(&shares, &at, now + SECOND, &instance, &left_out));
        assert_true(shares_report(&shares, &at, now + SHARE_REPORT_USEC, &instance, &left_out) || at > 0);
        at = 0;
        (void) shares_report(&shares, &at, now + 2 * SHARE_REPORT_USEC, &instance, &left_out);
        at = 0;
        assert_false(shares_report(&shares, &at, now + 9 * SHARE_REPORT_USEC, &instance, &left_out));
        assert_int_equal(print(&shares, "flood", 20000, 10, now + 3600 * SECOND), 10000);
}

/* Few long lines are as much as many short ones. */
static void test_bytes(void **state)
{
        static Shares shares;

        assert_int_equal(print(&shares, "a", 1000, 16384, SECOND), 256);
        assert_int_equal(print(&shares, "a", 1000, 16384, 2 * SECOND), 1);
}

/* However many names there are, memory is what it is, and who prints now is not forgotten for it. */
static void test_many(void **state)
{
        static Shares shares;

        for (unsigned i = 0; i < 100000; i++) {
                char name[SHARE_NAME_MAX];

                (void) snprintf(name, sizeof name, "client_%u", i);
                assert_true(shares_take(&shares, name, 1, (i + 1) * SECOND));
        }
        assert_false(shares_take(&shares,
                        "a-name-that-is-longer-than-any-that-an-instance-or-container-could-have", 1,
                        SECOND));
}

static JournalLine piece_of(const char *container, int priority, char letter, size_t n)
{
        static char text[PIECE_SIZE];

        memset(text, letter, n);
        return (JournalLine){ priority, "client_x", container, container, text, n };
}

/* Pieces of several streams at a time become the lines that they were. */
static void test_pieces(void **state)
{
        static Pieces pieces;
        JournalLine a, b, c, line = { 0 };

        a = piece_of("a", LOG_INFO, 'a', PIECE_SIZE);
        assert_false(pieces_take(&pieces, &a, SECOND, &line));
        b = piece_of("a", LOG_ERR, 'b', PIECE_SIZE);
        assert_false(pieces_take(&pieces, &b, SECOND, &line));
        c = piece_of("c", LOG_INFO, 'c', 3);
        assert_true(pieces_take(&pieces, &c, SECOND, &line));
        assert_int_equal(line.n_text, 3);
        a = piece_of("a", LOG_INFO, 'a', PIECE_SIZE);
        assert_false(pieces_take(&pieces, &a, SECOND, &line));
        a = piece_of("a", LOG_INFO, 'a', 5);
        assert_true(pieces_take(&pieces, &a, SECOND, &line));
        assert_int_equal(line.n_text, 2 * PIECE_SIZE + 5);
        assert_int_equal(line.priority, LOG_INFO);
        assert_string_equal(line.instance, "client_x");
        assert_string_equal(line.id, "a");
        for (size_t i = 0; i < line.n_text; i++)
                assert_int_equal(line.text[i], 'a');
        /* The other's rest does not come. */
        assert_false(pieces_expire(&pieces, SECOND + PIECES_WAIT_USEC - 1, &line));
        assert_true(pieces_expire(&pieces, SECOND + PIECES_WAIT_USEC, &line));
        assert_int_equal(line.n_text, PIECE_SIZE);
        assert_int_equal(line.priority, LOG_ERR);
        assert_false(pieces_expire(&pieces, SECOND + PIECES_WAIT_USEC, &line));
        assert_int_equal(pieces.bytes, 0);
        pieces_done(&pieces);
}

/* A line without end takes up no more than that, and says what is missing. */
static void test_endless_line(void **state)
{
        static Pieces pieces;
        JournalLine a = piece_of("a", LOG_INFO, 'a', PIECE_SIZE), line = { 0 };
        const char *note = " [… 1048579 more bytes of this line were cut]";

        for (size_t i = 0; i < 2 * PIECES_LINE_MAX / PIECE_SIZE; i++)
                assert_false(pieces_take(&pieces, &a, SECOND, &line));
        assert_true(pieces.bytes <= 2 * PIECES_LINE_MAX);
        a = piece_of("a", LOG_INFO, 'a', 3);
        assert_true(pieces_take(&pieces, &a, SECOND, &line));
        assert_int_equal(line.n_text, PIECES_LINE_MAX + strlen(note));
        assert_memory_equal(line.text + PIECES_LINE_MAX, note, strlen(note));
        pieces_done(&pieces);
}

/* However many begin a line, memory is bounded and nothing is lost. */
static void test_many_lines(void **state)
{
        static Pieces pieces;
        JournalLine a = piece_of("a", LOG_INFO, 'a', PIECE_SIZE), line = { 0 };
        size_t bytes = 0;
        char id[16];

        a.id = id;
        for (unsigned i = 0; i < 40 * 300; i++) {
                (void) snprintf(id, sizeof id, "c%u", i % 300);
                bytes += pieces_take(&pieces, &a, SECOND, &line) ? line.n_text : 0;
                assert_true(pieces.bytes <= PIECES_BYTES_MAX);
        }
        while (pieces_expire(&pieces, 2 * SECOND, &line)) {
                const char *cut = memchr(line.text, '[', line.n_text);

                bytes += cut ? (size_t) (cut - line.text) - 1 + strtoul(cut + strlen("[… "), NULL, 10)
                             : line.n_text;
        }
        assert_int_equal(bytes, 40 * 300 * PIECE_SIZE);
        pieces_done(&pieces);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_line),
                cmocka_unit_test(test_flood),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_endless_line),
                cmocka_unit_test(test_many_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
