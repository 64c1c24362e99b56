/* SPDX-License-Identifier: MIT */

/*
 * A create whose intent was sent and never answered has been refused to its caller; whatever of it arrived is taken
 * back. Twice: the first time may be sent before the store itself knows which entry of the stream is to go, but what
 * is answered has been preceded by all that was sent before.
 */

#include <errno.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/manager-internal.h"

#define ROUNDS            2
#define AT_ONCE_MAX       1000
#define SETTLE_RETRY_USEC USEC_PER_SEC

typedef struct Doubt {
        char *id, *job;
        unsigned rounds; /* that are still to be done */
} Doubt;

struct Doubts {
        Doubt *items;
        size_t n, n_sent; /* the first n_sent are being taken back */
        Pending *pending;
        sd_event_source *retry;
};

static void doubt_done(Doubt *doubt)
{
        free(doubt->id);
        free(doubt->job);
}

void manager_settle_cancel(Manager *m)
{
        struct Doubts *d = m->doubts;

        if (!d)
                return;
        pending_cancel(d->pending);
        sd_event_source_disable_unref(d->retry);
        for (size_t i = 0; i < d->n; i++)
                doubt_done(d->items + i);
        free(d->items);
        m->doubts = mfree(d);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        m->doubts->retry = sd_event_source_disable_unref(m->doubts->retry);
        manager_settle(m);
        return 0;
}

static void settle_later(Manager *m)
{
        struct Doubts *d = m->doubts;

        if (!d->retry && sd_event_add_time_relative(m->event, &d->retry, CLOCK_MONOTONIC, SETTLE_RETRY_USEC,
                                         0, on_retry, m) < 0)
                log_oom();
}

static int doubts_add(struct Doubts *d, const char *id)
{
        Doubt doubt = { strdup(id), str_printf("%s.create", id), ROUNDS };
        Doubt *grown = doubt.id && doubt.job ? reallocarray(d->items, d->n + 1, sizeof(Doubt)) : NULL;

        if (!grown) {
                doubt_done(&doubt);
                return -ENOMEM;
        }
        d->items = grown;
        d->items[d->n++] = doubt;
        return 0;
}

void manager_doubt(Manager *m, const char *instance_id)
{
        if (!m->doubts)
                m->doubts = new0(struct Doubts, 1);
        if (!m->doubts || doubts_add(m->doubts, instance_id) < 0)
                log_oom();
        else
                settle_later(m);
}

static void on_settled(int error, const char *reason, void *userdata)
{
        Manager *m = userdata;
        struct Doubts *d = m->doubts;
        size_t kept = 0;

        d->pending = NULL;
        if (error < 0) {
                log_debug("Unanswered writes cannot be taken back yet: %s", strempty(reason));
                settle_later(m);
                return;
        }
        for (size_t i = 0; i < d->n; i++)
                if (i < d->n_sent && --d->items[i].rounds == 0)
                        doubt_done(d->items + i);
                else
                        d->items[kept++] = d->items[i];
        d->n = kept;
        manager_settle(m);
}

void manager_settle(Manager *m)
{
        struct Doubts *d = m->doubts;
        _cleanup_free_ StoreWrite *writes = NULL;
        size_t n, n_writes;

        if (!d || d->n == 0 || d->pending || !manager_store_connected(m))
                return; /* called again when the store is back */
        n = d->n < AT_ONCE_MAX ? d->n : AT_ONCE_MAX;
        n_writes = 4 * n;
        writes = new0(StoreWrite, n_writes);
        for (size_t i = 0; writes && i < n; i++) {
                writes[4 * i] = (StoreWrite){ STORE_DELETE, STORE_INSTANCE, d->items[i].id };
                writes[4 * i + 1] = (StoreWrite){ STORE_DELETE, STORE_SECRET, d->items[i].id };
                writes[4 * i + 2] = (StoreWrite){ STORE_DELETE, STORE_JOB, d->items[i].job };
                writes[4 * i + 3] = (StoreWrite){ STORE_DEQUEUE, .id = d->items[i].job };
        }
        d->n_sent = n;
        if (!writes || m->store->vtable->commit(m->store, writes, n_writes, MANAGER_STORE_TIMEOUT_USEC,
                                       on_settled, m, &d->pending) < 0)
                settle_later(m);
}
