/* SPDX-License-Identifier: MIT */
#include "arkctl/suggest.h"

#include <stdint.h>

#include "basic/macro.h"

/* Longer words are no slips of the hand. */
#define WORD_MAX 64

static size_t min_size(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Damerau's distance with neighbouring swaps, three rows at a time. */
size_t suggest_distance(const char *a, const char *b, size_t limit)
{
        size_t rows[3][WORD_MAX + 1], n = strlen(a), m = strlen(b);
        size_t *before = rows[0], *last = rows[1], *row = rows[2], *spare;

        if (n > WORD_MAX || m > WORD_MAX || (n > m ? n - m : m - n) > limit)
                return limit + 1;
        for (size_t j = 0; j <= m; j++)
                last[j] = j;
        for (size_t i = 1; i <= n; i++) {
                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        row[j] = min_size(min_size(last[j], row[j - 1]) + 1,
                                        last[j - 1] + (a[i - 1] != b[j - 1]));
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                row[j] = min_size(row[j], before[j - 2] + 1);
                }
                spare = before;
                before = last;
                last = row;
                row = spare;
        }
        return min_size(last[m], limit + 1);
}

const char *suggest_nearest(const char *word, const char *const *candidates, size_t n)
{
        size_t length = strlen(word), best = SIZE_MAX;
        const char *nearest = NULL;

        for (size_t i = 0; i < n; i++) {
                size_t limit, distance;

                if (!candidates[i])
                        continue;
                /* What was begun is taken for granted, otherwise about one slip in three characters. */
                if (length >= 2 && strncmp(candidates[i], word, length) == 0)
                        return candidates[i];
                limit = length < 3 ? 1 : (length + 1) / 3;
                distance = suggest_distance(word, candidates[i], limit);
                if (distance <= limit && distance < best) {
                        best = distance;
                        nearest = candidates[i];
                }
        }
        return nearest;
}
