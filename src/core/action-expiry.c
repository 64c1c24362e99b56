/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/action-run.h"
#include "core/change.h"
#include "core/manager-internal.h"

/* What the expiry was, for the case that the store does not take the new one. */
typedef struct ExpiryChange {
        char *id;
        uint64_t expires_usec;
        bool kept;
} ExpiryChange;

static void expiry_change_free(void *payload)
{
        ExpiryChange *change = payload;

        free(change->id);
        free(change);
}

static void on_expiry_stored(
                Manager *manager, Request *request, int error, const char *reason, void *payload)
{
        ExpiryChange *change = payload;
        Instance *i = manager_get_instance(manager, change->id);

        if (store_error_is_doubtful(error))
                manager_doubt(manager, STORE_INSTANCE, change->id);
        if (error < 0 && i) {
                i->expires_usec = change->expires_usec;
                i->kept = change->kept;
        }
        if (i)
                manager_notify(manager, MANAGER_INSTANCE_CHANGED, i, NULL);
        if (request && error < 0)
                change_fail(request, reason);
        else if (request)
                request_succeed(request, i ? instance_to_json(i, INSTANCE_VIEW_OPERATOR) : NULL);
}

/* In effect at once, as a job that ends meanwhile writes the whole record; taken back where it is not stored. */
static int set_expiry(Request *request, Instance *i, uint64_t expires_usec)
{
        _cleanup_json_ struct json_object *record = NULL;
        ExpiryChange *change = new0(ExpiryChange, 1), old;

        if (!change)
                return -ENOMEM;
        *change = old = (ExpiryChange){ strdup(i->id), i->expires_usec, i->kept };
        i->expires_usec = expires_usec;
        i->kept = true;
        record = instance_to_json(i, INSTANCE_VIEW_RECORD);
        const StoreWrite write = { STORE_PUT, STORE_INSTANCE, i->id, record ? json_text(record) : NULL,
                .score = i->created_usec };
        int r = -ENOMEM;

        if (change->id && record)
                r = change_begin(request, &write, 1, on_expiry_stored, change, expiry_change_free);
        else
                expiry_change_free(change);
        if (r < 0) {
                i->expires_usec = old.expires_usec;
                i->kept = old.kept;
        }
        return r;
}

static void on_job_of_expiry(Request *request, Instance *instance, JobEvent event, const char *reason)
{
        if (event != JOB_EVENT_ENDED)
                return;
        job_unwait(request);
        run_set_expiry(request);
}

void run_set_expiry(Request *request)
{
        Instance *i = action_find_instance(request);
        uint64_t expires_usec = 0;

        if (!i)
                return;
        (void) json_get_u64(request->arguments, "expires_usec", &expires_usec);
        if (i->status == INSTANCE_DELETED)
                request_fail(request, FAULT_NO_SUCH_INSTANCE, "id", "Instance %s has been deleted", i->id);
        else if (expires_usec > TIMESTAMP_USEC_MAX && expires_usec != UINT64_MAX)
                request_fail(request, FAULT_INVALID_ARGUMENT, "expires_usec",
                                "An expiry is before the year 10000; to keep the instance for ever, give "
                                "%" PRIu64,
                                UINT64_MAX);
        else if (i->job && i->job->state == JOB_ENDING) {
                /* The end is on its way to the store, and must not be written over with what was before it. */
                if (job_wait(i->job, request, on_job_of_expiry) < 0)
                        request_fail_errno(request, -ENOMEM, "The expiry cannot be set");
        } else if (set_expiry(request, i, expires_usec) < 0)
                change_fail(request, NULL);
}
