/* SPDX-License-Identifier: MIT */
#include "core/model/user-range.h"

#include <errno.h>
#include <string.h>

#include "basic/parse.h"
#include "basic/string-util.h"

int user_range_parse(const char *s, UserRange *ret)
{
        const char *dash = strchr(s, '-');
        _cleanup_free_ char *first = dash ? strndup(s, (size_t) (dash - s)) : NULL;
        UserRange range = { 0 };

        if (!dash)
                return -EINVAL;
        if (!first)
                return -ENOMEM;
        if (parse_unsigned(first, &range.first) < 0 || parse_unsigned(dash + 1, &range.last) < 0)
                return -EINVAL;
        if (range.first < USER_ID_MIN || range.last > USER_ID_MAX || range.first > range.last)
                return -ERANGE;
        *ret = range;
        return 0;
}

void user_ids_add(UserIds *ids, uint32_t id)
{
        if (id <= USER_ID_MAX)
                ids->bits[id / 64] |= UINT64_C(1) << (id % 64);
}

bool user_ids_have(const UserIds *ids, uint32_t id)
{
        return id <= USER_ID_MAX && ids->bits[id / 64] >> (id % 64) & 1;
}

/* The number in field n (from 0) of a line whose fields are separated by colons. */
static int read_field(const char *line, unsigned n, uint32_t *ret)
{
        _cleanup_free_ char *number = NULL;
        const char *end = line + strcspn(line, "\n");

        for (; n > 0; n--) {
                line = memchr(line, ':', (size_t) (end - line));
                if (!line)
                        return -EINVAL;
                line++;
        }
        number = strndup(line, strspn(line, "0123456789"));
        return number ? parse_unsigned(number, ret) : -ENOMEM;
}

static const char *next_line(const char *line)
{
        line += strcspn(line, "\n");
        return *line ? line + 1 : line;
}

void user_ids_add_passwd(UserIds *ids, const char *text)
{
        for (; *text; text = next_line(text)) {
                uint32_t id = 0;

                if (read_field(text, 2, &id) >= 0)
                        user_ids_add(ids, id);
        }
}

void user_ids_add_subuid(UserIds *ids, const char *text)
{
        for (; *text; text = next_line(text)) {
                uint32_t first = 0, n = 0;

                if (read_field(text, 1, &first) < 0 || read_field(text, 2, &n) < 0)
                        continue;
                for (; n > 0 && first <= USER_ID_MAX; n--)
                        user_ids_add(ids, first++);
        }
}

int user_range_take(const UserRange *range, const UserIds *taken, uint32_t after, uint32_t *ret)
{
        uint32_t size = range->last - range->first + 1;
        uint32_t begin = after >= range->first && after < range->last ? after + 1 : range->first;

        for (uint32_t n = 0; n < size; n++) {
                uint32_t id = range->first + (begin - range->first + n) % size;

                if (user_ids_have(taken, id))
                        continue;
                *ret = id;
                return 0;
        }
        return -EUSERS;
}
