/* SPDX-License-Identifier: MIT */

/* Cleanup: deletes what has outlived its time, a few at once, each by the same job as any other delete. */

#include "core/verbs/cleanup.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/messages.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/recovery/generation.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/verbs/common.h"
#include "core/verbs/dispatch.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"

#define CLEANUP_AT_ONCE 4

/* A clock may be corrected by so much. */
#define CLOCK_TOLERANCE_USEC USEC_PER_HOUR

typedef struct Cleanup {
        Request *request;
        uint64_t max_age_usec; /* UINT64_MAX: each instance's own expiry */
        char **ids; /* what is to be deleted */
        size_t next; /* the first that has not been begun */
        Request *deletes[CLEANUP_AT_ONCE];
        struct json_object *removed; /* list of ids */
        struct json_object *failed; /* list of [id, reason] */
} Cleanup;

static void cleanup_free(void *state)
{
        Cleanup *c = state;

        for (size_t i = 0; i < CLEANUP_AT_ONCE; i++)
                request_free(c->deletes[i]);
        strv_free(c->ids);
        json_object_put(c->removed);
        json_object_put(c->failed);
        free(c);
}

/* Who is kept, or never expires, is left at any age; and so is for now who is being given another expiry. */
static bool has_outlived(const Instance *i, uint64_t max_age_usec, uint64_t now)
{
        if (!i->stored || (i->status != INSTANCE_RUNNING && i->status != INSTANCE_FAILED))
                return false;
        if (i->expiry_writes > 0)
                return false;
        if (i->expires_usec == UINT64_MAX)
                return false;
        if (max_age_usec == UINT64_MAX || i->kept)
                return i->expires_usec <= now;
        return now >= i->created_usec && now - i->created_usec >= max_age_usec;
}

static int cleanup_select(Cleanup *c)
{
        uint64_t now = now_realtime();

        for (struct lh_entry *e = c->request->manager->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);
                int r = has_outlived(i, c->max_age_usec, now) ? strv_extend(&c->ids, i->id) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Since it was selected it may have been kept. What is going already is waited for, or gone. */
static bool is_still_due(const Cleanup *c, const char *id)
{
        const Instance *i = manager_get_instance(c->request->manager, id);

        return !i || i->status == INSTANCE_DELETED || action_is_being_deleted(i) ||
               has_outlived(i, c->max_age_usec, now_realtime());
}

static void cleanup_finish(Cleanup *c)
{
        Request *request = c->request;
        struct json_object *result = json_object_new_object();
        int r = json_share(result, "removed", c->removed);

        if (r >= 0)
                r = json_share(result, "failed", c->failed);
        if (r < 0) {
                json_object_put(result);
                request_fail_errno(request, r, "What was cleaned up cannot be told");
                return;
        }
        request_succeed(request, result);
}

static int add_failed(Cleanup *c, const char *id, const char *reason)
{
        struct json_object *pair = json_object_new_array();

        if (json_append(pair, json_object_new_string(id)) < 0 ||
                        json_append(pair, json_object_new_string(strempty(reason))) < 0) {
                json_object_put(pair);
                return -ENOMEM;
        }
        return json_append(c->failed, pair);
}

/* Of a delete that failed what its instance tells: the refusal says in the same words whose it is. */
static const char *reason_of(const Request *request, const char *id)
{
        const Instance *i = manager_find_instance(request->manager, id);

        return request->fault == FAULT_FAILED && i && i->error_reason ? i->error_reason : request->reason;
}

static void cleanup_continue(Cleanup *c);

static void on_deleted(Request *request, void *userdata)
{
        Cleanup *c = userdata;
        const char *id = "";
        int r;

        (void) json_get_string(request->arguments, "id", &id);
        if (request->fault == FAULT_NONE || request->fault == FAULT_NO_SUCH_INSTANCE)
                r = json_append(c->removed, json_object_new_string(id));
        else
                r = add_failed(c, id, reason_of(request, id));
        if (r < 0)
                log_oom();
        for (size_t i = 0; i < CLEANUP_AT_ONCE; i++)
                if (c->deletes[i] == request)
                        c->deletes[i] = NULL;
        request_free(request);
        cleanup_continue(c);
}

static Request *cleanup_delete(Cleanup *c, const char *id)
{
        Caller caller = { .role = ROLE_OPERATOR, .unlimited = true };
        struct json_object *arguments = json_object_new_object();
        Request *request;

        caller.identity = strdup(strempty(c->request->caller.identity));
        caller.origin = strdup("cleanup");
        if (!caller.identity || !caller.origin || !arguments || json_set_string(arguments, "id", id) < 0) {
                caller_done(&caller);
                json_object_put(arguments);
                return NULL;
        }
        request = request_new(c->request->manager,
                        action_find_in(c->request->manager->verbs, "DeleteInstance"), &caller, arguments,
                        on_deleted, c);
        if (request)
                request_dispatch(request);
        return request;
}

/* Begins as many as may run at once; ends when all have ended. */
static void cleanup_continue(Cleanup *c)
{
        bool busy = false;

        for (size_t i = 0; i < CLEANUP_AT_ONCE; i++) {
                while (!c->deletes[i] && c->ids && c->ids[c->next]) {
                        const char *id = c->ids[c->next++];

                        if (!is_still_due(c, id))
                                continue;
                        c->deletes[i] = cleanup_delete(c, id);
                        if (!c->deletes[i] && add_failed(c, id, "out of memory") < 0)
                                log_oom();
                }
                busy = busy || c->deletes[i];
        }
        if (busy)
                return;
        log_full(LOG_INFO, 0,
                        LOG_ABOUT(.caller = c->request->caller.identity, .origin = c->request->caller.origin,
                                        .message_id = MESSAGE_CLEANUP_DONE),
                        "Cleanup removed %zu instances, %zu could not be removed",
                        json_object_array_length(c->removed), json_object_array_length(c->failed));
        cleanup_finish(c);
}

static int list_only(Cleanup *c)
{
        for (char **id = c->ids; id && *id; id++)
                if (json_append(c->removed, json_object_new_string(*id)) < 0)
                        return -ENOMEM;
        return 0;
}

/* A clock that jumps months ahead would have every instance outlive its time at once. Whether it was wrong before or is
 * now, nobody here can tell; who gives an age has decided. */
static bool refuse_set_clock(const Cleanup *c)
{
        const Caller *caller = &c->request->caller;
        uint64_t forward = manager_clock_set_forward(c->request->manager);

        if (c->max_age_usec != UINT64_MAX || forward <= CLOCK_TOLERANCE_USEC)
                return false;
        log_full(LOG_ERR, 0,
                        LOG_ABOUT(.caller = caller->identity, .origin = caller->origin,
                                        .message_id = MESSAGE_CLOCK_SET),
                        "The clock was set %llu h ahead, so nothing is deleted as past its time",
                        (unsigned long long) (forward / USEC_PER_HOUR));
        request_fail(c->request, FAULT_CONFLICT, NULL,
                        "The clock was set %llu h ahead since arkd was started, so nothing was deleted as "
                        "past its time. Check it with “date”; if it is right, run “systemctl restart arkd”, "
                        "or give an age, such as “arkctl cleanup --older-than=30d”",
                        (unsigned long long) (forward / USEC_PER_HOUR));
        return true;
}

/* It may not know who is kept, nor all that there is. */
static bool refuse_older_store(const Cleanup *c)
{
        const Caller *caller = &c->request->caller;

        if (!generation_is_behind(c->request->manager))
                return false;
        log_full(LOG_ERR, 0, LOG_ABOUT(.caller = caller->identity, .origin = caller->origin),
                        "The store (Redis) is an older copy, or was emptied, so cleanup deletes nothing");
        request_fail(c->request, FAULT_CONFLICT, NULL,
                        "The store (Redis) is an older copy, or was emptied, and may not know which "
                        "instances are kept, so nothing was deleted. Run “arkctl adopt --all”, or restore a "
                        "newer copy and restart arkd; once “arkctl status” says that the store knows of "
                        "all, "
                        "clean up again");
        return true;
}

void run_cleanup(Request *request)
{
        Cleanup *c = new0(Cleanup, 1);
        bool dry_run = false;
        int r;

        if (!c) {
                request_fail_errno(request, -ENOMEM, "The cleanup cannot be begun");
                return;
        }
        request->state = c;
        request->state_free = cleanup_free;
        c->request = request;
        c->max_age_usec = UINT64_MAX;
        c->removed = json_object_new_array();
        c->failed = json_object_new_array();
        (void) json_get_u64(request->arguments, "max_age_usec", &c->max_age_usec);
        (void) json_get_bool(request->arguments, "dry_run", &dry_run);
        if (refuse_set_clock(c) || refuse_older_store(c))
                return;
        r = c->removed && c->failed ? cleanup_select(c) : -ENOMEM;
        if (r >= 0 && dry_run)
                r = list_only(c);
        if (r < 0)
                request_fail_errno(request, r, "The cleanup cannot be begun");
        else if (dry_run)
                cleanup_finish(c);
        else
                cleanup_continue(c);
}
