/* SPDX-License-Identifier: MIT */
#include "arkctl/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <wchar.h>

#include "arkctl/terminal.h"
#include "basic/macro.h"
#include "basic/parse.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

const char *text_span(uint64_t usec, char buffer[TEXT_SHORT_MAX])
{
        uint64_t s = usec / USEC_PER_SEC, min = s / 60, h = min / 60, days = (h + 12) / 24;

        if (h >= 48)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%" PRIu64 " days", days);
        else if (h > 0 && min % 60 > 0)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%" PRIu64 "h %" PRIu64 "min", h, min % 60);
        else if (h > 0)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%" PRIu64 "h", h);
        else if (min > 0 && min < 5 && s % 60 > 0)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%" PRIu64 "min %" PRIu64 "s", min, s % 60);
        else if (min > 0)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%" PRIu64 "min", min);
        else
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%" PRIu64 "s", s);
        return buffer;
}

const char *text_relative(uint64_t usec, uint64_t now_usec, char buffer[TEXT_SHORT_MAX])
{
        uint64_t distance = usec > now_usec ? usec - now_usec : now_usec - usec;
        char span[TEXT_SHORT_MAX];

        if (usec == UINT64_MAX)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "never");
        else if (distance < USEC_PER_SEC)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "now");
        else if (usec > now_usec)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "in %.*s", TEXT_SHORT_MAX - 4,
                                text_span(distance, span));
        else
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%.*s ago", TEXT_SHORT_MAX - 5,
                                text_span(distance, span));
        return buffer;
}

static bool to_local(uint64_t usec, struct tm *ret)
{
        time_t t = (time_t) (usec / USEC_PER_SEC);

        return usec != UINT64_MAX && localtime_r(&t, ret);
}

/* Of a moment that no clock shows. */
static const char *no_clock(uint64_t usec, char buffer[TEXT_SHORT_MAX])
{
        (void) snprintf(buffer, TEXT_SHORT_MAX, "%s", usec == UINT64_MAX ? "never" : "unknown");
        return buffer;
}

const char *text_moment(uint64_t usec, char buffer[TEXT_SHORT_MAX])
{
        struct tm tm;

        if (!to_local(usec, &tm) || strftime(buffer, TEXT_SHORT_MAX, "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                return no_clock(usec, buffer);
        return buffer;
}

const char *text_date(uint64_t usec, char buffer[TEXT_SHORT_MAX])
{
        struct tm tm;

        if (!to_local(usec, &tm) || strftime(buffer, TEXT_SHORT_MAX, "%Y-%m-%d", &tm) == 0)
                return no_clock(usec, buffer);
        return buffer;
}

const char *text_bytes(uint64_t bytes, char buffer[TEXT_SHORT_MAX])
{
        static const char units[] = "BKMGTPE";
        double value = (double) bytes;
        size_t unit = 0;

        for (; value >= 1024 && unit < sizeof units - 2; unit++)
                value /= 1024;
        (void) snprintf(buffer, TEXT_SHORT_MAX, unit == 0 ? "%.0f%c" : "%.1f%c", value, units[unit]);
        return buffer;
}

const char *text_cpu(uint64_t nsec, char buffer[TEXT_SHORT_MAX])
{
        uint64_t ms = nsec / 1000000, min = ms / 60000, h = min / 60;
        double s = (double) (ms % 60000) / 1000;

        if (h > 0)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%" PRIu64 "h %" PRIu64 "min %.3fs", h, min % 60, s);
        else if (min > 0)
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%" PRIu64 "min %.3fs", min, s);
        else
                (void) snprintf(buffer, TEXT_SHORT_MAX, "%.3fs", s);
        return buffer;
}

/* The local clock's time by one of the formats; what a format leaves out is the end of the day. */
static int parse_local(const char *s, uint64_t *ret_usec)
{
        static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                struct tm tm = { .tm_isdst = -1 }, asked;
                const char *end;
                time_t t;

                end = strptime(s, formats[i], &tm);
                if (!end || *end)
                        continue;
                if (i == ELEMENTSOF(formats) - 1) {
                        tm.tm_hour = 23;
                        tm.tm_min = tm.tm_sec = 59;
                }
                asked = tm;
                t = mktime(&tm);
                /* mktime() makes the 31st of February a day of March. */
                if (t < 0 || tm.tm_mday != asked.tm_mday || tm.tm_mon != asked.tm_mon)
                        return -EINVAL;
                *ret_usec = (uint64_t) t * USEC_PER_SEC;
                return 0;
        }
        return -EINVAL;
}

int text_parse_age(const char *s, uint64_t *ret_usec)
{
        if (s[0] != '\0' && s[strspn(s, "0123456789")] == '\0' && s[strspn(s, "0")] != '\0')
                return -EINVAL;
        return parse_duration(s, ret_usec);
}

int text_parse_moment(const char *s, uint64_t now_usec, uint64_t *ret_usec)
{
        uint64_t usec, span;
        int r = 0;

        if (streq(s, "forever") || streq(s, "never")) {
                *ret_usec = UINT64_MAX;
                return 0;
        }
        if (parse_local(s, &usec) < 0 && parse_timestamp(s, &usec) < 0) {
                r = text_parse_age(s[0] == '+' ? s + 1 : s, &span);
                if (r < 0)
                        return r;
                if (span == UINT64_MAX || __builtin_add_overflow(now_usec, span, &usec))
                        return -ERANGE;
        }
        if (usec <= now_usec)
                return -ERANGE;
        *ret_usec = usec;
        return 0;
}

/* The next character: its bytes, and the columns it takes. A broken one counts as one of each. */
static size_t next_character(const char *s, mbstate_t *state, size_t *ret_columns)
{
        wchar_t c;
        size_t n = mbrtowc(&c, s, MB_CUR_MAX, state);
        int width;

        if (n == (size_t) -1 || n == (size_t) -2 || n == 0) {
                memset(state, 0, sizeof *state);
                *ret_columns = 1;
                return 1;
        }
        width = wcwidth(c);
        *ret_columns = width < 0 ? 1 : (size_t) width;
        return n;
}

size_t text_columns(const char *s)
{
        mbstate_t state = { 0 };
        size_t total = 0, columns;

        while (*s) {
                s += next_character(s, &state, &columns);
                total += columns;
        }
        return total;
}

void text_truncate(char *s, size_t columns)
{
        const char *ellipsis = terminal_has_utf8() ? "…" : "...";
        size_t keep = 0, used = 0, room = text_columns(ellipsis);
        size_t length = strlen(s), mark = strlen(ellipsis);
        mbstate_t state = { 0 };

        if (text_columns(s) <= columns)
                return;
        while (s[keep]) {
                size_t width, n = next_character(s + keep, &state, &width);

                /* The mark may have more bytes than columns, and takes the place of what is cut off. */
                if (used + width + room > columns || keep + n + mark > length)
                        break;
                used += width;
                keep += n;
        }
        if (keep + mark <= length)
                memcpy(s + keep, ellipsis, mark + 1);
        else
                s[keep] = '\0';
}

void text_wrap(char *s, size_t columns)
{
        char *space = NULL;
        mbstate_t state = { 0 };
        size_t used = 0;

        while (*s) {
                size_t width, n = next_character(s, &state, &width);

                if (*s == ' ')
                        space = s;
                used += width;
                s += n;
                if (used <= columns || !space)
                        continue;
                *space = '\n';
                s = space + 1;
                space = NULL;
                memset(&state, 0, sizeof state);
                used = 0;
        }
}

void text_print_wrapped(size_t indent, size_t columns, const char *format, ...)
{
        char *text = NULL, *rest, *word;
        size_t used = 0;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0)
                return;
        for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
                size_t width = text_columns(word);

                if (used > 0 && used + 1 + width > columns) {
                        (void) putchar('\n');
                        used = 0;
                }
                (void) printf("%*s%s", used == 0 ? (int) indent : 1, "", word);
                used += (used == 0 ? indent : 1) + width;
        }
        (void) putchar('\n');
        free(text);
}
