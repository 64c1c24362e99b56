/* SPDX-License-Identifier: MIT */
#include "core/upkeep/health.h"

#include <errno.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/upkeep/health-order.h"
#include "core/upkeep/watched.h"

#define PERIOD_USEC  (30 * USEC_PER_SEC)
#define AGAIN_USEC   (3 * USEC_PER_SEC) /* once it did not answer */
#define FAILED_USEC  (10 * USEC_PER_SEC) /* once that is told */
#define TIMEOUT_USEC (10 * USEC_PER_SEC)
/* It may fall and be started again, or be busy for a moment. */
#define PATIENCE_USEC (10 * USEC_PER_SEC)

/* Who is due within this is asked along with others, so that hundreds do not wake the daemon one by one. */
#define ALONG_USEC     (5 * USEC_PER_SEC)
#define TIMER_ACCURACY USEC_PER_SEC
#define FLYING_MAX     32

/* It was asked and did not answer: by a job, or later, maybe by a daemon before this one. */
static bool has_not_answered(const Instance *i)
{
        return i->status == INSTANCE_FAILED && streq_ptr(i->error_step, "health");
}

static const char *recorded_fault(const Instance *i)
{
        return has_not_answered(i) && i->verdict_usec == 0 ? i->error_reason : NULL;
}

const char *health_get_fault(const Instance *i)
{
        return i->health ? i->health->fault : recorded_fault(i);
}

bool health_is_restarting(const Instance *i)
{
        return i->health && i->health->restarting;
}

/* One whose containers have ended is not asked, as everybody knows. That it answers shows in its status a moment later. */
static bool can_be_asked(const Instance *i)
{
        return instance_is_watched(i) && i->product && i->ingress_address &&
               (i->status == INSTANCE_RUNNING || has_not_answered(i));
}

void health_forget(Instance *i)
{
        InstanceHealth *h = i->health;

        if (!h)
                return;
        i->health = NULL;
        if (h->pending)
                h->manager->n_asked--;
        pending_cancel(h->pending);
        free(h->fault);
        free(h);
}

/* ---- When ---- */

static void run_round(Manager *m);

static int health_ask(InstanceHealth *h);

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        m->health_timer = sd_event_source_disable_unref(m->health_timer);
        run_round(m);
        return 0;
}

static void arm(Manager *m, uint64_t due, uint64_t now)
{
        m->health_timer = sd_event_source_disable_unref(m->health_timer);
        manager_call_later(m, usec_between(now, due), TIMER_ACCURACY, on_due, m, &m->health_timer);
}

static bool is_due(const InstanceHealth *h, uint64_t now)
{
        return h->due_usec <= now + (h->failing_usec || h->ordering_usec ? 0 : ALONG_USEC);
}

static void begin(InstanceHealth *h, uint64_t now)
{
        int r;

        h->begun_usec = now;
        r = h->ordering_usec ? health_ask_order(h) : health_ask(h);
        if (r >= 0)
                h->manager->n_asked++;
        else
                h->due_usec = now + PERIOD_USEC;
}

static void run_round(Manager *m)
{
        uint64_t now = now_monotonic(), next = UINT64_MAX;

        if (!manager_engine_connected(m))
                return; /* all are asked when it is back */
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);
                InstanceHealth *h = i->health;

                if (!h || h->pending)
                        continue;
                if (!can_be_asked(i)) {
                        health_forget(i);
                        continue;
                }
                if (m->n_asked < FLYING_MAX && is_due(h, now))
                        begin(h, now);
                if (!h->pending && h->due_usec < next)
                        next = h->due_usec;
        }
        if (next != UINT64_MAX && m->n_asked < FLYING_MAX)
                arm(m, next, now);
}

static void health_end_round(InstanceHealth *h, uint64_t usec)
{
        Manager *m = h->manager;

        h->due_usec = now_monotonic() + usec;
        m->n_asked--;
        run_round(m);
}

/* ---- What is answered ---- */

static void tell(InstanceHealth *h)
{
        h->manager->hooks->check(h->manager, h->instance->id);
}

static void answered(InstanceHealth *h)
{
        Instance *i = h->instance;
        bool news = h->fault || has_not_answered(i);

        h->failing_usec = 0;
        h->fault = mfree(h->fault);
        i->revived = i->revived || i->verdict_usec > 0;
        if (news)
                tell(h);
}

static void not_answered(InstanceHealth *h, const char *reason)
{
        const Instance *i = h->instance;

        if (h->failing_usec == 0) {
                h->failing_usec = h->begun_usec;
                return; /* it is asked twice at least */
        }
        if (h->fault || now_monotonic() < h->failing_usec + PATIENCE_USEC)
                return;
        h->fault = str_printf("The application does not answer as it should (%s on port %u: %s)",
                        i->product->health_path, (unsigned) i->product->port, strempty(reason));
        if (h->fault)
                tell(h);
        else
                (void) log_oom();
}

static void on_answer(int error, const char *reason, const HttpAnswer *answer, void *userdata)
{
        InstanceHealth *h = userdata;

        h->pending = NULL;
        if (!can_be_asked(h->instance)) {
                health_end_round(h, 0); /* which forgets it */
                return;
        }
        if (error < 0)
                not_answered(h, reason);
        else
                answered(h);
        if (h->ordering_usec && health_settle_order(h, error))
                return;
        health_end_round(h, h->fault                              ? FAILED_USEC
                            : h->failing_usec || h->ordering_usec ? AGAIN_USEC
                                                                  : PERIOD_USEC);
}

static int health_ask(InstanceHealth *h)
{
        const Instance *i = h->instance;
        ProbePort *probe = h->manager->probe;
        _cleanup_free_ char *path = NULL, *host = instance_url_host(i);
        InstanceNames names;

        instance_names(i, &names);
        path = str_printf("%s%s", i->product->prefix == PREFIX_KEEP ? names.base_path : "",
                        i->product->health_path);
        if (!path || !host)
                return -ENOMEM;
        return probe->vtable->http_get(probe,
                        &(HttpProbe){ .address = i->ingress_address,
                                        .port = i->product->port,
                                        .path = path,
                                        .host = host },
                        TIMEOUT_USEC, on_answer, h, &h->pending);
}

/* Whatever became of the order: whether the application answers is the other half of the round. */
static void on_ordered(InstanceHealth *h, bool may_ask)
{
        if (!may_ask || health_ask(h) < 0)
                health_end_round(h, AGAIN_USEC);
}

/* ---- Who ---- */

/* Spread over the period by when they were made. */
static uint64_t first_due(const Instance *i, uint64_t now)
{
        return now + AGAIN_USEC + i->created_usec % (PERIOD_USEC - AGAIN_USEC);
}

static InstanceHealth *watch(Manager *m, Instance *i)
{
        const char *fault = recorded_fault(i);
        InstanceHealth *h = new0(InstanceHealth, 1);
        uint64_t now = now_monotonic();

        if (!h)
                return NULL;
        h->manager = m;
        h->instance = i;
        h->ordered = on_ordered;
        if (fault) {
                h->fault = strdup(fault);
                h->failing_usec = now;
        }
        h->due_usec = fault ? now + AGAIN_USEC : first_due(i, now);
        i->health = h;
        return h;
}

static void look_out(Manager *m, const InstanceHealth *h)
{
        uint64_t now = now_monotonic(), at = 0;

        if (m->health_timer && sd_event_source_get_time(m->health_timer, &at) >= 0 && at <= h->due_usec)
                return;
        arm(m, h->due_usec, now);
}

void health_watch(Manager *m, Instance *i)
{
        InstanceHealth *h;

        if (i->health || !can_be_asked(i))
                return;
        h = watch(m, i);
        if (!h) {
                log_oom(); /* it is seen to at its next look */
                return;
        }
        health_begin_order(h);
        look_out(m, h);
}

void health_renew(Manager *m, Instance *i)
{
        InstanceHealth *h;

        health_forget(i);
        h = can_be_asked(i) ? watch(m, i) : NULL;
        if (h)
                look_out(m, h);
}

void health_on_engine_connected(Manager *m)
{
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                InstanceHealth *h = ((Instance *) lh_entry_v(e))->health;

                if (!h)
                        continue;
                h->restarted = false;
                h->failing_usec = h->fault ? h->failing_usec : 0;
                health_begin_order(h);
        }
        run_round(m);
}

void health_done(Manager *m)
{
        m->health_timer = sd_event_source_disable_unref(m->health_timer);
        for (struct lh_entry *e = m->instances ? m->instances->head : NULL; e; e = e->next)
                health_forget(lh_entry_v(e));
}
