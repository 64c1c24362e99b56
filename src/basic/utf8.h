/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "basic/macro.h"

/* True where the n bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, no NUL). */
bool utf8_is_valid(const char *s, size_t n);

/* How many of the n bytes come before the first that is not well-formed; n where there is none. */
size_t utf8_valid_length(const char *s, size_t n);

/* Counts the characters of a valid string, all of them printable (no control characters of C0, C1 or DEL, no
 * line or paragraph separator, no bidirectional overrides); -EINVAL otherwise. */
int utf8_count_printable(const char *s, size_t *ret_characters);

/* True where nothing of the valid string can be seen: empty, or white space and the like only. */
bool utf8_is_blank(const char *s);

/* A copy of the n bytes in which what is not well-formed became U+FFFD and control characters other than tab and
 * line feed became spaces. NULL when out of memory. */
char *utf8_make_valid(const char *s, size_t n);

/* A copy of the n valid bytes in which every character beyond ASCII became a JSON escape (\uXXXX, two of them for
 * what needs two), which means the same within a JSON string. NULL when out of memory. */
char *utf8_to_json_escapes(const char *s, size_t n, size_t *ret_n);
