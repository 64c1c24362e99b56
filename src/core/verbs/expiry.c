/* SPDX-License-Identifier: MIT */
#include "core/verbs/expiry.h"

#include <errno.h>
#include <inttypes.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/job/watch.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/doubts.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/verbs/change.h"
#include "core/verbs/common.h"
#include "core/verbs/request.h"
#include "core/verbs/wait.h"

/* Answers whether the request has been refused, for the instance is going or gone: to be told that it is kept would be
 * to be told that its data is. */
static bool refuse_deleted(Request *request, const Instance *i)
{
        if (!i || i->status == INSTANCE_DELETED) {
                const char *id = "";

                (void) json_get_string(request->arguments, "id", &id);
                request_fail(request, FAULT_NO_SUCH_INSTANCE, "id", "Instance %s has been deleted", id);
        } else if (action_is_being_deleted(i))
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s is being deleted, and its expiry does not stop that", i->id);
        else
                return false;
        return true;
}

/* What the expiry is to be. */
typedef struct ExpiryChange {
        char *id;
        uint64_t expires_usec;
} ExpiryChange;

static void expiry_change_free(void *payload)
{
        ExpiryChange *change = payload;

        free(change->id);
        free(change);
}

/* What was not stored is taken back, unless a later one is in effect already. */
static void expiry_settle(Instance *i, const ExpiryChange *change, int error)
{
        if (error >= 0) {
                i->stored_expires_usec = change->expires_usec;
                i->stored_kept = true;
        }
        if (--i->expiry_writes > 0)
                return;
        i->expires_usec = i->stored_expires_usec;
        i->kept = i->stored_kept;
}

static void on_expiry_stored(
                Manager *manager, Request *request, int error, const char *reason, void *payload)
{
        ExpiryChange *change = payload;
        Instance *i = manager_get_instance(manager, change->id);

        if (store_error_is_doubtful(error))
                manager_doubt(manager, STORE_INSTANCE, change->id);
        if (i) {
                expiry_settle(i, change, error);
                manager->hooks->compose_changed(manager, i);
                manager_notify(manager, MANAGER_INSTANCE_CHANGED, i, NULL);
        }
        if (request && error < 0)
                change_fail(request, reason);
        else if (request && !refuse_deleted(request, i))
                request_succeed(request, instance_to_json(i, INSTANCE_VIEW_OPERATOR));
}

static int expiry_store(Request *request, const Instance *i)
{
        _cleanup_json_ struct json_object *record = instance_to_json(i, INSTANCE_VIEW_RECORD);
        const StoreWrite write = { STORE_PUT, STORE_INSTANCE, i->id, record ? json_text(record) : NULL,
                .score = i->created_usec };
        ExpiryChange *change = record ? new0(ExpiryChange, 1) : NULL;

        if (!change)
                return -ENOMEM;
        *change = (ExpiryChange){ strdup(i->id), i->expires_usec };
        if (!change->id) {
                expiry_change_free(change);
                return -ENOMEM;
        }
        return change_begin(request, &write, 1, on_expiry_stored, change, expiry_change_free);
}

/* In effect at once, as a job that ends meanwhile writes the whole record; taken back where it is not stored. */
static int set_expiry(Request *request, Instance *i, uint64_t expires_usec)
{
        const uint64_t old_expires_usec = i->expires_usec;
        const bool old_kept = i->kept;
        int r;

        if (i->expiry_writes == 0) {
                i->stored_expires_usec = i->expires_usec;
                i->stored_kept = i->kept;
        }
        i->expires_usec = expires_usec;
        i->kept = true;
        r = expiry_store(request, i);
        if (r < 0) {
                i->expires_usec = old_expires_usec;
                i->kept = old_kept;
                return r;
        }
        i->expiry_writes++;
        return 0;
}

static void on_job_of_expiry(Request *request, Instance *instance, JobEvent event, const char *reason)
{
        if (event != JOB_EVENT_ENDED)
                return;
        request_stop_waiting(request);
        run_set_expiry(request);
}

void run_set_expiry(Request *request)
{
        Instance *i = action_find_instance(request);
        uint64_t expires_usec = 0;

        if (!i)
                return;
        (void) json_get_u64(request->arguments, "expires_usec", &expires_usec);
        if (refuse_deleted(request, i))
                return;
        if (expires_usec > TIMESTAMP_USEC_MAX && expires_usec != UINT64_MAX)
                request_fail(request, FAULT_INVALID_ARGUMENT, "expires_usec",
                                "An expiry is before the year 10000; to keep the instance for ever, give "
                                "%" PRIu64,
                                UINT64_MAX);
        else if (i->job && i->job->state == JOB_ENDING) {
                /* The end is on its way to the store, and must not be written over with what was before it. */
                if (request_wait(request, i->job, on_job_of_expiry) < 0)
                        request_fail_errno(request, -ENOMEM, "The expiry cannot be set");
        } else if (set_expiry(request, i, expires_usec) < 0)
                change_fail(request, NULL);
}
