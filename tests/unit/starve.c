/* SPDX-License-Identifier: MIT */
#include "starve.h"

#include <execinfo.h>
#include <stdio.h>

static bool inside, armed, hit;
static size_t count, wanted;
static const char *last = "nothing";

void starve_at(size_t n)
{
        armed = true;
        hit = false;
        count = 0;
        wanted = n;
}

bool starve_end(void)
{
        armed = false;
        return hit;
}

size_t starve_count(void)
{
        return count;
}

const char *starve_what(void)
{
        return last;
}

/* With $ARK_STARVE_TRACE set: who was refused, to be read with addr2line. */
static void trace(const char *what)
{
        void *frames[16];
        int n;

        if (!getenv("ARK_STARVE_TRACE"))
                return;
        (void) fprintf(stderr, "-- %zu: %s\n", count, what);
        n = backtrace(frames, ELEMENTSOF(frames));
        backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

bool starve_now(const char *what)
{
        if (!armed || !inside || ++count != wanted)
                return false;
        hit = true;
        last = what;
        trace(what);
        return true;
}

bool starve_enter(bool now_inside)
{
        bool before = inside;

        inside = now_inside;
        return before;
}

void starve_leave(const bool *before)
{
        inside = *before;
}
