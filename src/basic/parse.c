/* SPDX-License-Identifier: MIT */
#include "basic/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "basic/time-util.h"

/* strtoull() with its traps closed: no sign, no leading space. *end is where the digits stop. */
static int parse_digits(const char *s, uint64_t *ret, const char **ret_end)
{
        unsigned long long v;
        char *end;

        if (!isdigit((unsigned char) *s))
                return -EINVAL;
        errno = 0;
        v = strtoull(s, &end, 10);
        if (errno != 0)
                return -errno;
        *ret = v;
        *ret_end = end;
        return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
        const char *end = s;
        uint64_t v = 0;
        int r;

        r = parse_digits(s, &v, &end);
        if (r < 0)
                return r;
        if (*end)
                return -EINVAL;
        *ret = v;
        return 0;
}

int parse_unsigned(const char *s, unsigned *ret)
{
        uint64_t v;
        int r;

        r = parse_u64(s, &v);
        if (r < 0)
                return r;
        if (v > UINT32_MAX)
                return -ERANGE;
        *ret = (unsigned) v;
        return 0;
}

/* What follows the point, in parts of which unit are one; *s goes on behind it. Without a point and digits it stays. */
static uint64_t parse_fraction(const char **s, uint64_t unit)
{
        uint64_t parts = 0;

        if (**s == '.' && isdigit((unsigned char) (*s)[1]))
                for ((*s)++; isdigit((unsigned char) **s); (*s)++)
                        parts += (uint64_t) (**s - '0') * (unit /= 10);
        return parts;
}

int parse_cpu_count(const char *s, uint64_t *ret_nano)
{
        uint64_t whole = 0, nano;
        const char *end = s;
        int r;

        r = parse_digits(s, &whole, &end);
        if (r < 0)
                return r;
        nano = parse_fraction(&end, 1000000000);
        if (*end)
                return -EINVAL;
        if (whole > 1024)
                return -ERANGE;
        nano += whole * 1000000000;
        if (nano > UINT64_C(1024000000000) || (nano > 0 && nano < 10000000))
                return -ERANGE;
        *ret_nano = nano;
        return 0;
}

/* By how many bits a number is shifted that has this behind it. */
static int parse_size_unit(const char *s, unsigned *ret_shift)
{
        static const char letters[] = "KMGT";
        const char *hit = *s ? strchr(letters, toupper((unsigned char) *s)) : NULL;

        if (hit)
                s++;
        if (*s && strcasecmp(s, "B") != 0 && (!hit || (strcasecmp(s, "i") != 0 && strcasecmp(s, "iB") != 0)))
                return -EINVAL;
        *ret_shift = hit ? 10 * (unsigned) (hit - letters + 1) : 0;
        return 0;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
        uint64_t whole = 0, millionths;
        const char *end = s;
        unsigned shift = 0;
        bool has_fraction;
        int r;

        r = parse_digits(s, &whole, &end);
        if (r < 0)
                return r;
        has_fraction = *end == '.';
        millionths = parse_fraction(&end, 1000000);
        r = parse_size_unit(end + strspn(end, " "), &shift);
        if (r < 0)
                return r;
        if (has_fraction && shift == 0)
                return -EINVAL;
        if (shift && whole > UINT64_MAX >> shift)
                return -ERANGE;
        *ret_bytes = (whole << shift) + (millionths << shift) / 1000000;
        return 0;
}

static int parse_time_unit(const char *s, uint64_t *ret_usec, const char **ret_end)
{
        static const struct {
                const char *name;
                uint64_t usec;
        } units[] = {
                { "us", 1 },
                { "ms", USEC_PER_MSEC },
                { "seconds", USEC_PER_SEC },
                { "sec", USEC_PER_SEC },
                { "s", USEC_PER_SEC },
                { "minutes", USEC_PER_MINUTE },
                { "min", USEC_PER_MINUTE },
                { "m", USEC_PER_MINUTE },
                { "hours", USEC_PER_HOUR },
                { "h", USEC_PER_HOUR },
                { "days", USEC_PER_DAY },
                { "day", USEC_PER_DAY },
                { "d", USEC_PER_DAY },
                { "weeks", 7 * USEC_PER_DAY },
                { "w", 7 * USEC_PER_DAY },
        };
        size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz");

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].name) == n && strncmp(s, units[i].name, n) == 0) {
                        *ret_usec = units[i].usec;
                        *ret_end = s + n;
                        return 0;
                }
        if (n > 0)
                return -EINVAL;
        *ret_usec = USEC_PER_SEC;
        *ret_end = s;
        return 0;
}

int parse_duration(const char *s, uint64_t *ret_usec)
{
        uint64_t total = 0;

        if (streq(s, "infinity")) {
                *ret_usec = UINT64_MAX;
                return 0;
        }
        do {
                uint64_t n = 0, unit = 0, part;
                int r;

                r = parse_digits(s, &n, &s);
                if (r < 0)
                        return r;
                s += strspn(s, " ");
                r = parse_time_unit(s, &unit, &s);
                if (r < 0)
                        return r;
                s += strspn(s, " ");
                if (__builtin_mul_overflow(n, unit, &part) || __builtin_add_overflow(total, part, &total))
                        return -ERANGE;
        } while (*s);
        *ret_usec = total;
        return 0;
}

int parse_ipv4_network(const char *s, uint32_t *ret_base, unsigned *ret_bits)
{
        char address[INET_ADDRSTRLEN];
        const char *slash = strchr(s, '/');
        struct in_addr in;
        unsigned bits;

        if (!slash || (size_t) (slash - s) >= sizeof address)
                return -EINVAL;
        memcpy(address, s, (size_t) (slash - s));
        address[slash - s] = '\0';
        if (inet_pton(AF_INET, address, &in) != 1 || parse_unsigned(slash + 1, &bits) < 0 || bits < 1 ||
                        bits > 32)
                return -EINVAL;
        if (bits < 32 && (ntohl(in.s_addr) & (UINT32_MAX >> bits)))
                return -EINVAL;
        *ret_base = ntohl(in.s_addr);
        *ret_bits = bits;
        return 0;
}
