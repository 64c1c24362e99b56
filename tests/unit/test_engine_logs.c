/* SPDX-License-Identifier: MIT */

/* A container's output as the engine sends it: pieces become lines again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/macro.h"
#include "engine/log-stream.h"

#define PIECE ((size_t) 16384)

#define T1 "2026-11-29T19:01:56.208256446Z"
#define T2 "2026-11-29T19:01:56.308256446Z"
#define T3 "2026-11-29T19:01:56.408256446Z"
#define T4 "2026-11-29T19:01:57.000000000Z"

/* n of the letter behind the time, and what follows. */
static int feed(EngineLogStream *s, unsigned char kind, const char *stamp, char letter, size_t n,
                const char *rest)
{
        size_t size = strlen(stamp) + 1 + n + strlen(rest);
        unsigned char header[8] = { kind, 0, 0, 0, (unsigned char) (size >> 24),
                (unsigned char) (size >> 16), (unsigned char) (size >> 8), (unsigned char) size };
        _cleanup_free_ char *text = malloc(size + 1);
        int r;

        if (!text)
                return -ENOMEM;
        memcpy(text, stamp, strlen(stamp));
        text[strlen(stamp)] = ' ';
        memset(text + strlen(stamp) + 1, letter, n);
        memcpy(text + size - strlen(rest), rest, strlen(rest) + 1);
        r = engine_log_stream_feed(s, (const char *) header, sizeof header);
        return r < 0 ? r : engine_log_stream_feed(s, text, size);
}

static char *text_of(EngineLogStream *s)
{
        char *text = engine_log_stream_text(s);

        assert_non_null(text);
        engine_log_stream_done(s);
        return text;
}

static void test_frames(void **state)
{
        static const char frames[] = "\1\0\0\0\0\0\0\6T one\n"
                                     "\2\0\0\0\0\0\0\0"
                                     "\2\0\0\0\0\0\0\10U tw\xffo\r\n"
                                     "\1\0\0\0\0\0\0\7V three";

        for (size_t piece = 1; piece <= sizeof(frames); piece++) {
                EngineLogStream s = { .bare = true }, dated = {};
                _cleanup_free_ char *text = NULL, *text_dated = NULL;

                for (size_t i = 0; i < sizeof(frames) - 1; i += piece) {
                        size_t n = sizeof(frames) - 1 - i < piece ? sizeof(frames) - 1 - i : piece;

                        assert_int_equal(engine_log_stream_feed(&s, frames + i, n), 0);
                        assert_int_equal(engine_log_stream_feed(&dated, frames + i, n), 0);
                }
                text = text_of(&s);
                text_dated = text_of(&dated);
                assert_string_equal(text, "one\ntw\xef\xbf\xbdo \nthree\n");
                assert_string_equal(text_dated, "T one\nU tw\xef\xbf\xbdo \nV three\n");
        }
}

static void test_bounds(void **state)
{
        EngineLogStream s = { .bare = true }, bad = {}, none = {};
        _cleanup_free_ char *text = NULL, *empty = text_of(&none);

        assert_int_equal(engine_log_stream_feed(&bad, "plain text", 10), -EPROTO);
        assert_string_equal(empty, "");
        for (size_t i = 0; i < 50000; i++)
                assert_int_equal(feed(&s, 1, T1, 'x', 99, "\n"), 0);
        text = text_of(&s);
        assert_true(strlen(text) >= ENGINE_LOG_MAX - 100 && strlen(text) <= 2 * ENGINE_LOG_MAX);
        assert_int_equal(strlen(text) % 100, 0); /* whole lines */
        engine_log_stream_done(&bad);
}

/* Both streams at once, each with a long line; and one whose length is that of a piece, which ends with an empty one. */
static void test_pieces(void **state)
{
        EngineLogStream s = {};
        _cleanup_free_ char *text = NULL;
        const char *line;

        assert_int_equal(feed(&s, 1, T1, 'a', PIECE, ""), 0);
        assert_int_equal(feed(&s, 2, T2, 'e', PIECE, ""), 0);
        assert_int_equal(feed(&s, 1, T1, 'a', PIECE, ""), 0);
        assert_int_equal(feed(&s, 2, T2, 'e', 5, "\n"), 0);
        assert_int_equal(feed(&s, 1, T1, 'a', 7, "\n"), 0);
        assert_int_equal(feed(&s, 1, T3, 'b', PIECE, ""), 0);
        assert_int_equal(feed(&s, 1, T3, 'b', 0, "\n"), 0);
        assert_int_equal(feed(&s, 1, T4, 'c', 1, "\n"), 0);
        text = text_of(&s);
        line = text;
        assert_memory_equal(line, T2 " eee", 33);
        assert_int_equal(strcspn(line, "\n"), 31 + PIECE + 5);
        line += strcspn(line, "\n") + 1;
        assert_memory_equal(line, T1 " aaa", 33);
        assert_int_equal(strspn(line + 31, "a"), 2 * PIECE + 7);
        line += strcspn(line, "\n") + 1;
        assert_int_equal(strspn(line + 31, "b"), PIECE);
        line += strcspn(line, "\n") + 1;
        assert_string_equal(line, T4 " c\n");
}

/* What has no end is whole where the output ended there; else it is told that it has begun. */
static void test_unfinished(void **state)
{
        EngineLogStream s = {}, bare = { .bare = true };
        _cleanup_free_ char *text = NULL, *text_bare = NULL;

        assert_int_equal(feed(&s, 1, T1, 'a', 3, ""), 0); /* of a container that was started again */
        assert_int_equal(feed(&s, 1, T2, 'b', PIECE, ""), 0);
        assert_int_equal(feed(&s, 2, T3, 'e', 3, "\n"), 0);
        text = text_of(&s);
        assert_string_equal(text, T1 " aaa\n" T3 " eee\n" T2 "\n");
        assert_int_equal(feed(&bare, 1, T2, 'b', PIECE, ""), 0);
        text_bare = text_of(&bare);
        assert_int_equal(strspn(text_bare, "b"), PIECE);
}

/* One application has no more memory for its line than that, and is told what is missing. */
static void test_endless_line(void **state)
{
        EngineLogStream s = { .bare = true };
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < 10 * ENGINE_LOG_LINE_MAX / PIECE; i++)
                assert_int_equal(feed(&s, 1, T1, 'a', PIECE, ""), 0);
        assert_int_equal(feed(&s, 1, T1, 'a', 10, "\n"), 0);
        assert_true(s.parts[0].text.allocated <= ENGINE_LOG_LINE_MAX);
        text = text_of(&s);
        assert_int_equal(strspn(text, "a"), ENGINE_LOG_LINE_MAX);
        assert_string_equal(text + ENGINE_LOG_LINE_MAX, " [… 9437194 more bytes of this line were cut]\n");
}

/* What a container had printed before it goes on: from a line that is there, or is gone. */
static void test_after(void **state)
{
        static const struct {
                const char *after, *begin;
        } cases[] = { { "", T1 }, { T1, T1 }, { T2, T2 }, { "2026-11-29T19:01:55.000000000Z", T1 } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                EngineLogStream s = { .lines = 9 };
                _cleanup_free_ char *text = NULL;

                (void) strcpy(s.after, cases[i].after);
                assert_int_equal(feed(&s, 1, T1, 'a', 1, "\n"), 0);
                assert_int_equal(feed(&s, 1, T2, 'b', 1, "\n"), 0);
                assert_int_equal(feed(&s, 1, T3, 'c', 1, "\n"), 0);
                text = text_of(&s);
                assert_memory_equal(text, cases[i].begin, 30);
        }
}

/* A line that was begun before the last and finished after it comes after it again. */
static void test_after_within(void **state)
{
        EngineLogStream s = { .lines = 9, .after = T2 };
        _cleanup_free_ char *text = NULL;

        assert_int_equal(feed(&s, 1, T1, 'a', PIECE, ""), 0);
        assert_int_equal(feed(&s, 2, T2, 'e', 1, "\n"), 0);
        assert_int_equal(feed(&s, 1, T1, 'a', 1, "\n"), 0);
        text = text_of(&s);
        assert_memory_equal(text, T2 " e\n" T1 " aaa", 32 + 1 + 34);
}

/* The first so many, and no more is read. */
static void test_first(void **state)
{
        EngineLogStream s = { .lines = 2 }, large = { .lines = 1000 };
        _cleanup_free_ char *text = NULL, *text_large = NULL;
        size_t n = 0;

        assert_int_equal(feed(&s, 1, T1, 'a', 1, "\n"), 0);
        assert_int_equal(feed(&s, 2, T2, 'b', PIECE, ""), 0);
        assert_int_equal(feed(&s, 1, T3, 'c', 1, "\n"), -ENOBUFS);
        text = text_of(&s);
        assert_string_equal(text, T1 " a\n" T3 " c\n" T2 "\n");
        while (feed(&large, 1, T1, 'a', 10000, "\n") == 0)
                n++;
        assert_in_range(n, ENGINE_LOG_MAX / 10100, ENGINE_LOG_MAX / 10000);
        text_large = text_of(&large);
        assert_true(strlen(text_large) >= ENGINE_LOG_MAX);
}

/* The last so many pieces may begin within a line, whose end is no line. */
static void test_last(void **state)
{
        EngineLogStream s = { .pieces = 3 };
        _cleanup_free_ char *text = NULL;

        assert_int_equal(feed(&s, 1, T1, 'a', PIECE, ""), 0);
        assert_int_equal(feed(&s, 1, T1, 'a', 1, "\n"), 0);
        assert_int_equal(feed(&s, 1, T3, 'c', 1, "\n"), 0);
        text = text_of(&s);
        assert_string_equal(text, T3 " c\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_frames),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_unfinished),
                cmocka_unit_test(test_endless_line),
                cmocka_unit_test(test_after),
                cmocka_unit_test(test_after_within),
                cmocka_unit_test(test_first),
                cmocka_unit_test(test_last),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
