/* SPDX-License-Identifier: MIT */

/* The fields of a product that are one value each, and what parsing them takes. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "basic/utf8.h"
#include "core/model/product-parse.h"
#include "core/model/product.h"

#define ICON_MAX         (32 * 1024)
#define CAPABILITIES_MAX 64
#define DEADLINE_MAX_S   3600

int product_parse_refuse(ProductParser *p, const char *field, const char *format, ...)
{
        va_list ap;
        int r;

        p->field = strdup(field);
        va_start(ap, format);
        r = vasprintf(&p->reason, format, ap);
        va_end(ap);
        if (r < 0)
                p->reason = NULL;
        return p->field && p->reason ? -EINVAL : -ENOMEM;
}

int product_parse_pass_over(ProductParser *p, const char *parent, const char *name)
{
        if (!p->stored)
                return 0;
        if (!p->product->newer_field)
                p->product->newer_field = parent ? str_printf("%s.%s", parent, name) : strdup(name);
        return p->product->newer_field ? 1 : -ENOMEM;
}

int product_parse_leave(ProductParser *p)
{
        int r = product_parse_pass_over(p, NULL, p->field);

        if (r <= 0)
                return r == 0 ? -EINVAL : r;
        p->field = mfree(p->field);
        p->reason = mfree(p->reason);
        return 0;
}

/* A string member without embedded NUL, of 1 to max bytes. */
static int parse_string(
                ProductParser *p, const char *field, struct json_object *value, size_t max, const char **ret)
{
        const char *s = "";
        size_t n;

        if (!json_object_is_type(value, json_type_string))
                return product_parse_refuse(p, field, "it must be a string");
        s = json_object_get_string(value);
        n = (size_t) json_object_get_string_len(value);
        if (n == 0)
                return product_parse_refuse(p, field, "it must not be empty");
        if (n > max)
                return product_parse_refuse(p, field, "it is longer than %zu bytes", max);
        if (strlen(s) != n)
                return product_parse_refuse(p, field, "it contains a NUL character");
        *ret = s;
        return 0;
}

int product_parse_string_to(
                ProductParser *p, const char *field, struct json_object *value, size_t max, char **target)
{
        const char *s = "";
        int r;

        r = parse_string(p, field, value, max, &s);
        return r < 0 ? r : free_and_strdup(target, s);
}

/* Printable characters, on one line or on several. */
static int parse_phrase(ProductParser *p, const char *field, struct json_object *value, bool one_line)
{
        _cleanup_free_ char *line = NULL;
        const char *s = "";
        size_t n;
        int r;

        r = parse_string(p, field, value, PRODUCT_TEXT_MAX, &s);
        if (r < 0)
                return r;
        line = strdup(s);
        if (!line)
                return -ENOMEM;
        for (char *c = line; !one_line && *c; c++)
                if (*c == '\n' || *c == '\t')
                        *c = ' ';
        if (utf8_count_printable(line, &n) < 0)
                return product_parse_refuse(p, field, "it must be printable characters%s",
                                one_line ? " on one line" : "");
        return 0;
}

/* A string, or {"es": …, "en": …}. */
static int parse_phrases(ProductParser *p, const char *field, struct json_object *value, bool one_line)
{
        int r;

        if (!json_object_is_type(value, json_type_object)) {
                if (!json_object_is_type(value, json_type_string))
                        return product_parse_refuse(
                                        p, field, "it must be a string or an object with \"es\" and \"en\"");
                return parse_phrase(p, field, value, one_line);
        }
        if (json_object_object_length(value) == 0)
                return product_parse_refuse(p, field, "it must have \"es\" or \"en\"");
        json_object_object_foreach (value, language, text) {
                if (streq(language, "es") || streq(language, "en"))
                        r = parse_phrase(p, field, text, one_line);
                else {
                        r = product_parse_pass_over(p, field, language);
                        if (r == 0)
                                r = product_parse_refuse(p, field, "it may have \"es\" and \"en\" only");
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A whole number of at least min and at most max. */
int product_parse_integer(ProductParser *p, const char *field, struct json_object *value, uint64_t min,
                uint64_t max, uint64_t *ret)
{
        int64_t n;

        if (!json_object_is_type(value, json_type_int))
                return product_parse_refuse(p, field, "it must be a whole number");
        n = json_object_get_int64(value);
        if (n < 0 || (uint64_t) n < min || (uint64_t) n > max)
                return product_parse_refuse(p, field, "it must be from %llu to %llu",
                                (unsigned long long) min, (unsigned long long) max);
        *ret = (uint64_t) n;
        return 0;
}

static int parse_bool_to(ProductParser *p, const char *field, struct json_object *value, bool *target)
{
        if (!json_object_is_type(value, json_type_boolean))
                return product_parse_refuse(p, field, "it must be true or false");
        *target = json_object_get_boolean(value);
        return 0;
}

int product_parse_name(ProductParser *p, const char *field, struct json_object *value)
{
        return parse_phrases(p, field, value, true);
}

int product_parse_description(ProductParser *p, const char *field, struct json_object *value)
{
        return parse_phrases(p, field, value, false);
}

int product_parse_id(ProductParser *p, const char *field, struct json_object *value)
{
        int r;

        r = product_parse_string_to(p, field, value, PRODUCT_TEXT_MAX, &p->product->id);
        if (r < 0)
                return r;
        if (!product_id_is_valid(p->product->id))
                return product_parse_refuse(p, field,
                                "it must start with a letter a-z and have at most %d letters a-z, digits "
                                "and hyphens",
                                PRODUCT_ID_MAX);
        return 0;
}

int product_parse_icon(ProductParser *p, const char *field, struct json_object *value)
{
        const char *s = "";
        int r;

        r = parse_string(p, field, value, ICON_MAX, &s);
        if (r < 0)
                return r;
        if (!startswith(s, "data:image/svg+xml") && !startswith(s, "data:image/png") &&
                        !startswith(s, "https://"))
                return product_parse_refuse(p, field, "it must be an SVG or PNG data URI or an https URL");
        return 0;
}

int product_parse_image_to(ProductParser *p, const char *field, struct json_object *value, char **target)
{
        int r;

        r = product_parse_string_to(p, field, value, 512, target);
        if (r < 0)
                return r;
        if (strspn(*target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@") !=
                                        strlen(*target) ||
                        !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                                        (*target)[0]) ||
                        strstr(*target, "//") || strstr(*target, ".."))
                return product_parse_refuse(p, field,
                                "it must be an image reference such as docker.io/library/postgres:16");
        return 0;
}

int product_parse_image(ProductParser *p, const char *field, struct json_object *value)
{
        return product_parse_image_to(p, field, value, &p->product->image);
}

int product_parse_port(ProductParser *p, const char *field, struct json_object *value)
{
        uint64_t port = 0;
        int r;

        r = product_parse_integer(p, field, value, 1, UINT16_MAX, &port);
        if (r < 0)
                return r;
        p->product->port = (uint16_t) port;
        return 0;
}

int product_parse_prefix(ProductParser *p, const char *field, struct json_object *value)
{
        const char *s = "";
        int r;

        r = parse_string(p, field, value, PRODUCT_TEXT_MAX, &s);
        if (r < 0)
                return r;
        if (!streq(s, "strip") && !streq(s, "keep"))
                return product_parse_refuse(p, field, "it must be \"strip\" or \"keep\"");
        p->product->prefix = streq(s, "keep") ? PREFIX_KEEP : PREFIX_STRIP;
        return 0;
}

/* Characters that a request line may hold as they are (RFC 3986 pchar, "/" and "?"). */
static bool path_is_valid(const char *s)
{
        return s[0] == '/' && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
                                          "~!$&'()*+,;=:@%/?")] == '\0';
}

int product_parse_health_path(ProductParser *p, const char *field, struct json_object *value)
{
        int r;

        r = product_parse_string_to(p, field, value, 512, &p->product->health_path);
        if (r < 0)
                return r;
        if (!path_is_valid(p->product->health_path))
                return product_parse_refuse(p, field, "it must be a path that starts with a slash");
        return 0;
}

int product_parse_needs_database_first(ProductParser *p, const char *field, struct json_object *value)
{
        return parse_bool_to(p, field, value, &p->product->needs_database_first);
}

int product_parse_whole_bodies(ProductParser *p, const char *field, struct json_object *value)
{
        return parse_bool_to(p, field, value, &p->product->whole_bodies);
}

int product_parse_expires_days(ProductParser *p, const char *field, struct json_object *value)
{
        uint64_t days = 0;
        int r;

        if (!value)
                return 0;
        r = product_parse_integer(p, field, value, 0, EXPIRES_MAX_DAYS, &days);
        if (r < 0)
                return r;
        p->product->expires_usec = days * USEC_PER_DAY;
        return 0;
}

int product_parse_deadline(ProductParser *p, const char *field, struct json_object *value)
{
        uint64_t s = 0;
        int r;

        r = product_parse_integer(p, field, value, 1, DEADLINE_MAX_S, &s);
        if (r < 0)
                return r;
        p->product->deadline_usec = s * USEC_PER_SEC;
        return 0;
}

int product_parse_user(ProductParser *p, const char *field, struct json_object *value)
{
        int r;

        if (!value)
                return 0;
        if (json_object_is_type(value, json_type_int)) {
                uint64_t uid = 0;

                r = product_parse_integer(p, field, value, 0, UINT32_MAX - 1, &uid);
                if (r < 0)
                        return r;
                p->product->user = str_printf("%llu", (unsigned long long) uid);
                return p->product->user ? 0 : -ENOMEM;
        }
        r = product_parse_string_to(p, field, value, 64, &p->product->user);
        if (r < 0)
                return r;
        if (strspn(p->product->user, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:") !=
                        strlen(p->product->user))
                return product_parse_refuse(p, field, "it must be a user, or user:group, by name or number");
        return 0;
}

int product_parse_capabilities(ProductParser *p, const char *field, struct json_object *value)
{
        _cleanup_(strv_freep) char **list = new0(char *, 1);
        size_t n;

        if (!list)
                return -ENOMEM;
        if (!value)
                return 0;
        if (!json_object_is_type(value, json_type_array))
                return product_parse_refuse(
                                p, field, "it must be a list of names such as \"NET_BIND_SERVICE\"");
        n = json_object_array_length(value);
        if (n > CAPABILITIES_MAX)
                return product_parse_refuse(p, field, "it has more than %d entries", CAPABILITIES_MAX);
        for (size_t i = 0; i < n; i++) {
                const char *s = "";
                int r;

                r = parse_string(p, field, json_object_array_get_idx(value, i), 64, &s);
                if (r < 0)
                        return r;
                if (strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != strlen(s) || startswith(s, "CAP_") ||
                                streq(s, "ALL"))
                        return product_parse_refuse(
                                        p, field, "“%s” is not a name such as \"NET_BIND_SERVICE\"", s);
                r = strv_extend(&list, s);
                if (r < 0)
                        return r;
        }
        strv_free(p->product->capabilities);
        p->product->capabilities = TAKE_PTR(list);
        return 0;
}

int product_parse_read_only(ProductParser *p, const char *field, struct json_object *value)
{
        return parse_bool_to(p, field, value, &p->product->read_only);
}

/* Said the other way round than it is kept, so that what is left out is false. */
static int parse_not_to(ProductParser *p, const char *field, struct json_object *value, bool *target)
{
        bool b = !*target;
        int r;

        r = parse_bool_to(p, field, value, &b);
        *target = !b;
        return r;
}

int product_parse_init_process(ProductParser *p, const char *field, struct json_object *value)
{
        return parse_not_to(p, field, value, &p->product->own_init);
}

int product_parse_no_new_privileges(ProductParser *p, const char *field, struct json_object *value)
{
        return parse_not_to(p, field, value, &p->product->new_privileges);
}
