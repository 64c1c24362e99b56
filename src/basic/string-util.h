/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "basic/macro.h"

/* A key and its value, both owned; arrays of them carry environments and labels. */
typedef struct StringPair {
        char *key;
        char *value;
} StringPair;

/* A growing array of pairs, in the order they were added. Zero-initialise. */
typedef struct StringPairs {
        StringPair *items;
        size_t n;
} StringPairs;

/* Answers what follows prefix in s, or NULL where s does not start with it. */
const char *startswith(const char *s, const char *prefix);
const char *endswith(const char *s, const char *suffix);

/* Replaces *p by a copy of s (NULL allowed). -ENOMEM leaves *p as it was. */
int free_and_strdup(char **p, const char *s);

/* Like asprintf, but answers the string, or NULL when out of memory. */
char *str_printf(const char *format, ...) _printf_(1, 2);

/* Compares in a time that depends on the lengths only; for secrets. */
bool str_equal_secret(const char *a, const char *b);

/* Replaces every occurrence of what in s by with; answers a new string, NULL when out of memory. */
char *str_replace(const char *s, const char *what, const char *with);

/* Overwrites, then frees; for secrets. Accepts NULL, answers NULL. */
char *str_erase_free(char *s);
DEFINE_CLEANUP_FUNC(char, str_erase_free);

/* Adds a copy of key and value. 0 or -ENOMEM. */
int string_pairs_add(StringPairs *pairs, const char *key, const char *value);
/* Answers the value of key, or NULL. The pair keeps it. */
const char *string_pairs_get(const StringPairs *pairs, const char *key);
/* Frees the content and leaves it empty. */
void string_pairs_done(StringPairs *pairs);

/* A NULL-terminated array of strings, owned. */
char **strv_free(char **l);
DEFINE_CLEANUP_FUNC(char *, strv_free);
/* Adds a copy of s at the end. 0 or -ENOMEM. */
int strv_extend(char ***l, const char *s);
bool strv_contains(char *const *l, const char *s);
/* Whether both have the same strings in the same order. */
bool strv_equal(char *const *a, char *const *b);
/* Replaces *ret by a copy of l (NULL allowed). -ENOMEM leaves *ret as it was. */
int strv_copy(char *const *l, char ***ret);
/* By the bytes of the strings, in place. */
void strv_sort(char **l);
size_t strv_length(char *const *l);
/* Splits at any of the separators, leaving empty words out. 0 or -ENOMEM. */
int strv_split(const char *s, const char *separators, char ***ret_list);
