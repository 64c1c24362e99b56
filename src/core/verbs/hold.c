/* SPDX-License-Identifier: MIT */
#include "core/hold.h"

#include <sys/queue.h>

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/action.h"
#include "core/manager-internal.h"

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

bool hold_request(Request *request)
{
        Manager *m = request->manager;

        if (has_what_it_needs(request) || !is_early(m))
                return false;
        if (!m->hold_deadline &&
                        sd_event_add_time(m->event, &m->hold_deadline, CLOCK_MONOTONIC,
                                        m->started_usec + HOLD_USEC, 10 * USEC_PER_MSEC, on_deadline, m) < 0)
                return false;
        request->held = true;
        TAILQ_INSERT_TAIL(&m->held, request, held_list);
        return true;
}

void hold_forget(Request *request)
{
        if (!request->held)
                return;
        request->held = false;
        TAILQ_REMOVE(&request->manager->held, request, held_list);
}

/* Each goes its way again; what it needs is looked at anew, and after the first moments it is not held. */
void hold_release(Manager *m)
{
        Request *request, *next;

        for (request = TAILQ_FIRST(&m->held); request; request = next) {
                next = TAILQ_NEXT(request, held_list);
                if (!has_what_it_needs(request) && is_early(m))
                        continue;
                hold_forget(request);
                request_dispatch(request); /* ends it from the loop at the earliest: next stays */
        }
}
