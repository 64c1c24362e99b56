/* SPDX-License-Identifier: MIT */
#include "core/verbs/hold.h"

#include <sys/queue.h>

#include "basic/time-util.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"

#define HOLD_USEC (3 * USEC_PER_SEC)

static bool has_what_it_needs(const Request *request)
{
        const Manager *m = request->manager;

        return m->loaded && (!request->action->needs_engine || manager_engine_connected(m));
}

static bool is_early(const Manager *m)
{
        return m->started_usec != 0 && now_monotonic() < m->started_usec + HOLD_USEC;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Manager *m = userdata;

        m->hold_deadline = sd_event_source_disable_unref(m->hold_deadline);
        hold_release(m);
        return 0;
}

bool hold_request(Request *request, void (*go_on)(Request *request))
{
        Manager *m = request->manager;

        if (has_what_it_needs(request) || !is_early(m))
                return false;
        if (!m->hold_deadline &&
                        sd_event_add_time(m->event, &m->hold_deadline, CLOCK_MONOTONIC,
                                        m->started_usec + HOLD_USEC, 10 * USEC_PER_MSEC, on_deadline, m) < 0)
                return false;
        request->held = true;
        request->go_on = go_on;
        TAILQ_INSERT_TAIL(&m->held, request, held_list);
        return true;
}

/* Each goes its way again; what it needs is looked at anew, and after the first moments it is not held. */
void hold_release(Manager *m)
{
        Request *request, *next;

        for (request = TAILQ_FIRST(&m->held); request; request = next) {
                next = TAILQ_NEXT(request, held_list);
                if (!has_what_it_needs(request) && is_early(m))
                        continue;
                request_let_go(request);
                request->go_on(request); /* ends it from the loop at the earliest: next stays */
        }
}
