/* SPDX-License-Identifier: MIT */
#include "core/verbs/change.h"

#include <errno.h>

#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/verbs/request.h"

struct Change {
        Manager *manager;
        Request *request;
        ChangeDone done;
        void *payload;
        void (*payload_free)(void *payload);
        Pending *pending;
        Change *next;
};

Change *change_free(Change *change)
{
        if (!change)
                return NULL;
        for (Change **c = &change->manager->changes; *c; c = &(*c)->next)
                if (*c == change) {
                        *c = change->next;
                        break;
                }
        pending_cancel(change->pending);
        if (change->request)
                change->request->state = NULL;
        if (change->payload_free)
                change->payload_free(change->payload);
        return mfree(change);
}

static void change_orphan(void *state)
{
        ((Change *) state)->request = NULL;
}

static void on_stored(int error, const char *reason, void *userdata)
{
        Change *change = userdata;
        Request *request = TAKE_PTR(change->request);

        change->pending = NULL;
        /* What follows may have it wait for something else. */
        if (request) {
                request->state = NULL;
                request->state_free = NULL;
        }
        change->done(change->manager, request, error, reason, change->payload);
        change_free(change);
}

int change_begin(Request *request, const StoreWrite *writes, size_t n, ChangeDone done, void *payload,
                void (*payload_free)(void *payload))
{
        Manager *m = request->manager;
        Change *change = new0(Change, 1);
        int r;

        if (!change) {
                if (payload_free)
                        payload_free(payload);
                return -ENOMEM;
        }
        *change = (Change){ m, request, done, payload, payload_free, NULL, m->changes };
        m->changes = change;
        r = m->store->vtable->commit(m->store, writes, n, MANAGER_STORE_TIMEOUT_USEC, on_stored, change,
                        &change->pending);
        if (r < 0) {
                change_free(change);
                return r;
        }
        request->state = change;
        request->state_free = change_orphan;
        return 0;
}

void change_refused(Request *request, const char *what, const char *reason)
{
        int n = (int) strlen(strempty(reason));

        if (endswith(strempty(reason), "."))
                n--; /* Redis ends a few of its own so */
        request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                        "The store (Redis) did not take %s%s%.*s. Try again in a moment", what,
                        n > 0 ? ": " : "", n, strempty(reason));
}

void change_fail(Request *request, const char *reason)
{
        change_refused(request, "the change, so nothing was changed", reason);
}
