/* SPDX-License-Identifier: MIT */
#include "basic/string-util.h"

#include <errno.h>
#include <stdio.h>

const char *startswith(const char *s, const char *prefix)
{
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

const char *endswith(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && streq(s + n - m, suffix) ? s + n - m : NULL;
}

int free_and_strdup(char **p, const char *s)
{
        char *copy = NULL;

        if (s) {
                copy = strdup(s);
                if (!copy)
                        return -ENOMEM;
        }
        free(*p);
        *p = copy;
        return 0;
}

char *str_printf(const char *format, ...)
{
        va_list ap;
        char *s;
        int r;

        va_start(ap, format);
        r = vasprintf(&s, format, ap);
        va_end(ap);
        return r < 0 ? NULL : s;
}

bool str_equal_secret(const char *a, const char *b)
{
        size_t n = strlen(a);
        unsigned char difference = 0;

        if (n != strlen(b))
                return false;
        for (size_t i = 0; i < n; i++)
                difference |= (unsigned char) (a[i] ^ b[i]);
        return difference == 0;
}

char *str_replace(const char *s, const char *what, const char *with)
{
        size_t n_what = strlen(what), n_with = strlen(with), n = 0;
        char *out, *o;

        if (n_what == 0)
                return strdup(s);
        for (const char *p = s; (p = strstr(p, what)); p += n_what)
                n++;
        out = malloc(strlen(s) + n * n_with + 1);
        if (!out)
                return NULL;
        o = out;
        for (const char *hit; (hit = strstr(s, what)); s = hit + n_what) {
                o = mempcpy(o, s, (size_t) (hit - s));
                o = mempcpy(o, with, n_with);
        }
        memcpy(o, s, strlen(s) + 1);
        return out;
}

char *str_erase_free(char *s)
{
        if (s) {
                explicit_bzero(s, strlen(s));
                free(s);
        }
        return NULL;
}

static int string_pairs_take(StringPairs *pairs, char *key, char *value)
{
        StringPair *items;

        items = reallocarray(pairs->items, pairs->n + 1, sizeof(StringPair));
        if (!items)
                return -ENOMEM;
        pairs->items = items;
        pairs->items[pairs->n++] = (StringPair){ .key = key, .value = value };
        return 0;
}

int string_pairs_add(StringPairs *pairs, const char *key, const char *value)
{
        _cleanup_free_ char *k = strdup(key), *v = strdup(value);
        int r;

        if (!k || !v)
                return -ENOMEM;
        r = string_pairs_take(pairs, k, v);
        if (r < 0)
                return r;
        TAKE_PTR(k);
        TAKE_PTR(v);
        return 0;
}

const char *string_pairs_get(const StringPairs *pairs, const char *key)
{
        for (size_t i = 0; i < pairs->n; i++)
                if (streq(pairs->items[i].key, key))
                        return pairs->items[i].value;
        return NULL;
}

void string_pairs_done(StringPairs *pairs)
{
        for (size_t i = 0; i < pairs->n; i++) {
                free(pairs->items[i].key);
                str_erase_free(pairs->items[i].value);
        }
        free(pairs->items);
        *pairs = (StringPairs){ 0 };
}

char **strv_free(char **l)
{
        if (l)
                for (char **i = l; *i; i++)
                        free(*i);
        free(l);
        return NULL;
}

size_t strv_length(char *const *l)
{
        size_t n = 0;

        if (l)
                while (l[n])
                        n++;
        return n;
}

bool strv_contains(char *const *l, const char *s)
{
        for (; l && *l; l++)
                if (streq(*l, s))
                        return true;
        return false;
}

bool strv_equal(char *const *a, char *const *b)
{
        size_t n = strv_length(a);

        if (strv_length(b) != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

static int compare_strings(const void *a, const void *b)
{
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void strv_sort(char **l)
{
        if (l)
                qsort(l, strv_length(l), sizeof *l, compare_strings);
}

int strv_extend(char ***l, const char *s)
{
        size_t n = strv_length(*l);
        char *copy, **grown;

        copy = strdup(s);
        if (!copy)
                return -ENOMEM;
        grown = reallocarray(*l, n + 2, sizeof(char *));
        if (!grown) {
                free(copy);
                return -ENOMEM;
        }
        grown[n] = copy;
        grown[n + 1] = NULL;
        *l = grown;
        return 0;
}

int strv_copy(char *const *l, char ***ret)
{
        _cleanup_(strv_freep) char **copy = NULL;

        for (; l && *l; l++)
                if (strv_extend(&copy, *l) < 0)
                        return -ENOMEM;
        strv_free(*ret);
        *ret = TAKE_PTR(copy);
        return 0;
}

int strv_split(const char *s, const char *separators, char ***ret_list)
{
        _cleanup_(strv_freep) char **list = NULL;
        _cleanup_free_ char *copy = strdup(s);
        char *state = NULL;

        if (!copy)
                return -ENOMEM;
        for (char *word = strtok_r(copy, separators, &state); word;
                        word = strtok_r(NULL, separators, &state)) {
                int r = strv_extend(&list, word);

                if (r < 0)
                        return r;
        }
        if (!list) {
                list = new0(char *, 1);
                if (!list)
                        return -ENOMEM;
        }
        *ret_list = TAKE_PTR(list);
        return 0;
}
