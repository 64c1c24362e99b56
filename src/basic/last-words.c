/* SPDX-License-Identifier: MIT */
#include "basic/last-words.h"

#include <ctype.h>

#include "basic/string-util.h"

/* Of a run of frames, so many at either end are kept. */
#define FRAMES_KEPT 2

/* Java, Node.js and Python indent them, PHP numbers them; Go has a function, and below it, indented, where that is. */
static bool is_frame(const char *line, const char *next)
{
        if (*line == ' ' || *line == '\t')
                return true;
        if (*line == '#' && isdigit((unsigned char) line[1]))
                return true;
        return next && startswith(next, "\t/");
}

size_t last_words_choose(const char *const *lines, size_t n, size_t max, bool *keep)
{
        size_t kept = 0;

        memset(keep, 0, n * sizeof *keep);
        for (size_t end = n; end > 0 && kept < max;) {
                size_t begin = end;

                while (begin > 0 && is_frame(lines[begin - 1], begin < n ? lines[begin] : NULL))
                        begin--;
                for (size_t i = end; i > begin && kept < max; i--)
                        if (i > end - FRAMES_KEPT || i <= begin + FRAMES_KEPT) {
                                keep[i - 1] = true;
                                kept++;
                        }
                if (begin > 0 && kept < max) {
                        keep[begin - 1] = true;
                        kept++;
                }
                end = begin > 0 ? begin - 1 : 0;
        }
        return kept;
}
