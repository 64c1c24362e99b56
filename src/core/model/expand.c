/* SPDX-License-Identifier: MIT */
#include "core/model/expand.h"

#include <errno.h>
#include <stdio.h>

#define VARIABLE_NAME_MAX 64

const char *expand_secret_name(const char *variable)
{
        const char *name = startswith(variable, "SECRET:");
        size_t n;

        if (!name)
                return NULL;
        n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
        return n > 0 && name[n] == '\0' ? name : NULL;
}

static int _printf_(2, 3) fail(char **ret_reason, const char *format, ...)
{
        char *reason;
        va_list ap;
        int r;

        if (!ret_reason)
                return -EINVAL;
        va_start(ap, format);
        r = vasprintf(&reason, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;
        *ret_reason = reason;
        return -EINVAL;
}

/* Writes the value of what starts at p, just behind "${"; answers the first character behind its "}". */
static int expand_variable(const char *p, ExpandLookup lookup, void *userdata, FILE *out,
                const char **ret_end, char **ret_reason)
{
        size_t n = strcspn(p, "}");
        char name[VARIABLE_NAME_MAX + 1];
        const char *value;

        if (p[n] != '}')
                return fail(ret_reason, "“${%s” has no closing brace", p);
        if (n == 0 || n > VARIABLE_NAME_MAX)
                return fail(ret_reason, "a name between ${ and } has 1 to 64 characters");
        memcpy(name, p, n);
        name[n] = '\0';
        value = lookup(name, userdata);
        if (!value)
                return fail(ret_reason, "there is no variable ${%s}", name);
        if (fputs(value, out) < 0)
                return -ENOMEM;
        *ret_end = p + n + 1;
        return 0;
}

static int expand_to(const char *p, ExpandLookup lookup, void *userdata, FILE *out, char **ret_reason)
{
        while (*p) {
                size_t n = strcspn(p, "$");
                int r;

                if (fwrite(p, 1, n, out) < n)
                        return -ENOMEM;
                p += n;
                if (*p == '\0')
                        break;
                if (p[1] == '$') {
                        if (fputc('$', out) < 0)
                                return -ENOMEM;
                        p += 2;
                } else if (p[1] == '{') {
                        r = expand_variable(p + 2, lookup, userdata, out, &p, ret_reason);
                        if (r < 0)
                                return r;
                } else
                        return fail(ret_reason, "a dollar is written $$, a variable ${NAME}");
        }
        return 0;
}

int expand(const char *template, ExpandLookup lookup, void *userdata, char **ret, char **ret_reason)
{
        _cleanup_(str_erase_freep) char *text = NULL;
        size_t size;
        FILE *out;
        int r;

        out = open_memstream(&text, &size);
        if (!out)
                return -ENOMEM;
        r = expand_to(template, lookup, userdata, out, ret_reason);
        if (fclose(out) != 0 && r == 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        return 0;
}
