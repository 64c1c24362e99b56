/* SPDX-License-Identifier: MIT */
#include "journal/shares.h"

#include <string.h>

#define PROBES 16

static size_t hash(const char *s)
{
        uint64_t h = UINT64_C(14695981039346656037);

        for (; *s; s++)
                h = (h ^ (unsigned char) *s) * UINT64_C(1099511628211);
        return (size_t) (h % SHARES_MAX);
}

/* That of the instance, or the one of its places that has been idle for longest, for it to have. */
static Share *find(Shares *shares, const char *instance, uint64_t now_usec)
{
        size_t begin = hash(instance);
        Share *oldest = NULL;

        for (size_t i = 0; i < PROBES; i++) {
                Share *share = shares->items + (begin + i) % SHARES_MAX;

                if (strcmp(share->instance, instance) == 0)
                        return share;
                if (!oldest || share->seen_usec < oldest->seen_usec)
                        oldest = share;
        }
        *oldest = (Share){ .lines = SHARE_BURST_LINES, .bytes = SHARE_BURST_BYTES, .seen_usec = now_usec };
        (void) strncpy(oldest->instance, instance, SHARE_NAME_MAX - 1);
        return oldest;
}

static double least(double a, double b)
{
        return a < b ? a : b;
}

static void refill(Share *share, uint64_t now_usec)
{
        double seconds = (double) (now_usec - share->seen_usec) / 1e6;

        share->lines = least(share->lines + seconds * SHARE_LINES_PER_S, SHARE_BURST_LINES);
        share->bytes = least(share->bytes + seconds * SHARE_BYTES_PER_S, SHARE_BURST_BYTES);
        share->seen_usec = now_usec;
}

bool shares_take(Shares *shares, const char *instance, size_t n, uint64_t now_usec)
{
        Share *share;

        if (strlen(instance) >= SHARE_NAME_MAX)
                return false;
        share = find(shares, instance, now_usec);
        refill(share, now_usec);
        if (share->lines >= 1 && share->bytes >= (double) n) {
                share->lines -= 1;
                share->bytes -= (double) n;
                return true;
        }
        /* The first is told at once, so that who looks at the journal knows why it ends there. */
        if (share->left_out++ == 0 && share->report_usec == 0)
                share->report_usec = now_usec;
        return false;
}

bool shares_report(Shares *shares, size_t *at, uint64_t now_usec, const char **ret_instance,
                uint64_t *ret_left_out)
{
        for (; *at < SHARES_MAX; (*at)++) {
                Share *share = shares->items + *at;

                if (share->report_usec == 0 || share->report_usec > now_usec)
                        continue;
                if (share->left_out == 0) {
                        share->report_usec = 0;
                        continue;
                }
                *ret_instance = share->instance;
                *ret_left_out = share->left_out;
                share->left_out = 0;
                share->report_usec = now_usec + SHARE_REPORT_USEC;
                (*at)++;
                return true;
        }
        return false;
}
