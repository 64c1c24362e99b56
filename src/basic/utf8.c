/* SPDX-License-Identifier: MIT */
#include "basic/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Decodes one character; answers its length in bytes, 0 where it is not well-formed. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *ret)
{
        static const uint32_t smallest[] = { 0, 0x1, 0x80, 0x800, 0x10000 };
        size_t length;
        uint32_t c;

        if (n == 0)
                return 0;
        if (s[0] < 0x80)
                length = 1, c = s[0];
        else if ((s[0] & 0xe0) == 0xc0)
                length = 2, c = s[0] & 0x1f;
        else if ((s[0] & 0xf0) == 0xe0)
                length = 3, c = s[0] & 0x0f;
        else if ((s[0] & 0xf8) == 0xf0)
                length = 4, c = s[0] & 0x07;
        else
                return 0;
        if (n < length)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3f);
        }
        if (c < smallest[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret = c;
        return length;
}

size_t utf8_valid_length(const char *s, size_t n)
{
        size_t length, i = 0;
        uint32_t c;

        while (i < n) {
                length = decode((const unsigned char *) s + i, n - i, &c);
                if (length == 0)
                        break;
                i += length;
        }
        return i;
}

bool utf8_is_valid(const char *s, size_t n)
{
        return utf8_valid_length(s, n) == n;
}

typedef struct Range {
        uint32_t first, last;
} Range;

static bool is_in(const Range *ranges, size_t n, uint32_t c)
{
        for (size_t i = 0; i < n; i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return false;
}

/* Controls, and what steers the text around it without being seen: separators, direction marks and overrides, tags,
 * invisible operators, non-characters. Joiners and variation selectors stay: scripts and emoji are made with them. */
static bool is_printable(uint32_t c)
{
        static const Range refused[] = {
                { 0x00, 0x1f },
                { 0x7f, 0x9f },
                { 0xad, 0xad },
                { 0x61c, 0x61c },
                { 0x180e, 0x180e },
                { 0x200b, 0x200b },
                { 0x200e, 0x200f },
                { 0x2028, 0x202e },
                { 0x2060, 0x206f },
                { 0xfeff, 0xfeff },
                { 0xfff9, 0xffff },
                { 0x1bca0, 0x1bca3 },
                { 0x1d173, 0x1d17a },
                { 0xe0000, 0xe0fff },
        };

        return !is_in(refused, ELEMENTSOF(refused), c) && (c & 0xfffe) != 0xfffe;
}

/* White space and what is as invisible when it stands alone. */
static bool is_blank(uint32_t c)
{
        static const Range blank[] = {
                { 0x20, 0x20 },
                { 0xa0, 0xa0 },
                { 0x34f, 0x34f },
                { 0x115f, 0x1160 },
                { 0x1680, 0x1680 },
                { 0x17b4, 0x17b5 },
                { 0x2000, 0x200d },
                { 0x202f, 0x202f },
                { 0x205f, 0x205f },
                { 0x2800, 0x2800 },
                { 0x3000, 0x3000 },
                { 0x3164, 0x3164 },
                { 0xfe00, 0xfe0f },
                { 0xffa0, 0xffa0 },
        };

        return is_in(blank, ELEMENTSOF(blank), c);
}

bool utf8_is_blank(const char *s)
{
        const unsigned char *p = (const unsigned char *) s;
        size_t n = strlen(s);
        uint32_t c;

        while (n > 0) {
                size_t length = decode(p, n, &c);

                if (length == 0 || !is_blank(c))
                        return false;
                p += length;
                n -= length;
        }
        return true;
}

int utf8_count_printable(const char *s, size_t *ret_characters)
{
        const unsigned char *p = (const unsigned char *) s;
        size_t n = strlen(s), count = 0;
        uint32_t c;

        while (n > 0) {
                size_t length = decode(p, n, &c);

                if (length == 0 || !is_printable(c))
                        return -EINVAL;
                p += length;
                n -= length;
                count++;
        }
        *ret_characters = count;
        return 0;
}

char *utf8_make_valid(const char *s, size_t n)
{
        const unsigned char *p = (const unsigned char *) s;
        char *out, *o;
        uint32_t c;

        out = o = malloc(n * 3 + 1); /* U+FFFD has three bytes */
        if (!out)
                return NULL;
        while (n > 0) {
                size_t length = decode(p, n, &c);

                if (length == 0) {
                        o = mempcpy(o, "\xef\xbf\xbd", 3);
                        length = 1;
                } else if (c != '\t' && c != '\n' && (c < 0x20 || (c >= 0x7f && c <= 0x9f)))
                        *o++ = ' ';
                else
                        o = mempcpy(o, p, length);
                p += length;
                n -= length;
        }
        *o = '\0';
        return out;
}

static size_t put_escape(char *out, uint32_t c)
{
        if (c < 0x10000)
                return (size_t) sprintf(out, "\\u%04x", (unsigned) c);
        c -= 0x10000;
        return (size_t) sprintf(out, "\\u%04x\\u%04x", 0xd800u + (unsigned) (c >> 10),
                        0xdc00u + (unsigned) (c & 0x3ff));
}

char *utf8_to_json_escapes(const char *s, size_t n, size_t *ret_n)
{
        /* Two bytes become six, four become twelve; the last escape is followed by a NUL. */
        char *copy = malloc(n * 3 + 1);
        size_t length, k = 0;
        uint32_t c;

        if (!copy)
                return NULL;
        for (size_t i = 0; i < n; i += length) {
                length = decode((const unsigned char *) s + i, n - i, &c);
                if (length == 0)
                        break;
                if (length == 1)
                        copy[k++] = s[i];
                else
                        k += put_escape(copy + k, c);
        }
        copy[k] = 0;
        *ret_n = k;
        return copy;
}
