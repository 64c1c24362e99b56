/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "core/action-run.h"
#include "core/change.h"
#include "core/compose.h"
#include "core/job.h"
#include "core/manager-internal.h"
#include "core/names.h"
#include "core/spec.h"

#define COMPOSE_MAX        (256 * 1024)
#define LIST_LIMIT_DEFAULT 100
#define LIST_LIMIT_MAX     1000

Instance *action_find_instance(Request *request)
{
        Instance *instance;
        const char *id = "";

        (void) json_get_string(request->arguments, "id", &id);
        instance = manager_get_instance(request->manager, id);
        if (!instance)
                request_fail(request, FAULT_NO_SUCH_INSTANCE, "id", "There is no instance “%s”", id);
        return instance;
}

InstanceView action_view(const Request *request)
{
        return request->caller.role == ROLE_OPERATOR ? INSTANCE_VIEW_OPERATOR : INSTANCE_VIEW_VISITOR;
}

static void answer_instance(Request *request, const Instance *instance)
{
        struct json_object *json = instance_to_json(instance, action_view(request));

        if (json)
                request_succeed(request, json);
        else
                request_fail_errno(request, -ENOMEM, "The instance cannot be shown");
}

void run_get_instance(Request *request)
{
        Instance *instance = action_find_instance(request);

        if (instance)
                answer_instance(request, instance);
}

/* ---- Listing ---- */

typedef struct Filter {
        int status; /* negative: all but the deleted */
        const char *product_id;
        const char *cursor;
        uint64_t limit;
} Filter;

static bool read_filter(Request *request, Filter *ret)
{
        struct json_object *a = request->arguments;
        const char *status = NULL;

        *ret = (Filter){ .status = -1, .limit = request->whole ? UINT64_MAX : LIST_LIMIT_DEFAULT };
        (void) json_get_string(a, "status", &status);
        (void) json_get_string(a, "product_id", &ret->product_id);
        (void) json_get_string(a, "cursor", &ret->cursor);
        if (status) {
                ret->status = instance_status_from_string(status);
                if (ret->status < 0) {
                        request_fail(request, FAULT_INVALID_ARGUMENT, "status",
                                        "“%s” is not a status: pending, running, failed, deleting or "
                                        "deleted",
                                        status);
                        return false;
                }
        }
        if (json_get_u64(a, "limit", &ret->limit) >= 0 && (ret->limit < 1 || ret->limit > LIST_LIMIT_MAX)) {
                request_fail(request, FAULT_INVALID_ARGUMENT, "limit", "limit must be from 1 to %d",
                                LIST_LIMIT_MAX);
                return false;
        }
        if (ret->cursor && !manager_get_instance(request->manager, ret->cursor)) {
                request_fail(request, FAULT_INVALID_ARGUMENT, "cursor",
                                "The cursor does not exist any more. Begin the list again");
                return false;
        }
        return true;
}

static bool filter_matches(const Filter *f, const Instance *i)
{
        if (f->status >= 0 ? (int) i->status != f->status : i->status == INSTANCE_DELETED)
                return false;
        return !f->product_id || streq(f->product_id, i->product_id);
}

/* Adds up to the limit; *ret_next is the cursor to go on from, or NULL at the end. */
static int list_items(Request *request, const Filter *f, struct json_object *items, const char **ret_next)
{
        Manager *m = request->manager;
        const char *last = f->cursor;
        uint64_t n = 0;

        *ret_next = NULL;
        for (Instance *i = manager_next_instance(m, f->cursor); i; i = manager_next_instance(m, i->id)) {
                if (!filter_matches(f, i))
                        continue;
                if (n++ == f->limit) {
                        *ret_next = last;
                        return 0;
                }
                if (json_append(items, instance_to_json(i, action_view(request))) < 0)
                        return -ENOMEM;
                last = i->id;
        }
        return 0;
}

void run_list_instances(Request *request)
{
        _cleanup_json_ struct json_object *list = json_object_new_object();
        struct json_object *items;
        const char *next = NULL;
        Filter filter;
        int r;

        if (!read_filter(request, &filter))
                return;
        items = json_object_new_array();
        r = json_set(list, "items", items);
        if (r >= 0)
                r = list_items(request, &filter, items, &next);
        if (r >= 0)
                r = json_set_string(list, "next", next);
        if (r < 0)
                request_fail_errno(request, r, "The instances cannot be listed");
        else
                request_succeed(request, TAKE_PTR(list));
}

/* ---- Credentials ---- */

static bool may_see_access(Request *request, const Instance *instance)
{
        const char *token = "";

        if (request->caller.role == ROLE_OPERATOR)
                return true;
        (void) json_get_string(request->arguments, "access_token", &token);
        if (instance->access_token && str_equal_secret(token, instance->access_token))
                return true;
        request_fail(request, FAULT_UNAUTHENTICATED, "access_token",
                        "This needs the access token that was given to whoever deployed the instance");
        return false;
}

static void answer_member(Request *request, const char *name, struct json_object *value)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        if (!json) {
                json_object_put(value);
                value = NULL;
        }
        if (!value || json_set(json, name, value) < 0)
                request_fail_errno(request, -ENOMEM, "The answer cannot be made");
        else
                request_succeed(request, TAKE_PTR(json));
}

void run_get_access(Request *request)
{
        Instance *instance = action_find_instance(request);

        if (!instance || !may_see_access(request, instance))
                return;
        if (instance->status != INSTANCE_RUNNING) {
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s is %s; it has credentials once it runs", instance->id,
                                instance_status_to_string(instance->status));
                return;
        }
        answer_member(request, "credentials",
                        instance->credentials ? json_object_get(instance->credentials)
                                              : json_object_new_array());
}

void run_get_credentials(Request *request)
{
        Instance *instance = action_find_instance(request);
        _cleanup_(str_erase_freep) char *url = NULL;
        _cleanup_json_ struct json_object *json = NULL;
        InstanceNames names;
        int r;

        if (!instance)
                return;
        if (!instance->has_database || !instance->database_password) {
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s has no database credentials (it is %s)", instance->id,
                                instance_status_to_string(instance->status));
                return;
        }
        instance_names(instance, &names);
        url = instance_database_url(instance);
        json = json_object_new_object();
        r = url && json ? json_set_string(json, "host", names.database) : -ENOMEM;
        if (r >= 0)
                r = json_set_string(json, "port", ARK_DATABASE_PORT_TEXT);
        if (r >= 0)
                r = json_set_string(json, "database", names.database);
        if (r >= 0)
                r = json_set_string(json, "user", ARK_DATABASE_USER);
        if (r >= 0)
                r = json_set_string(json, "password", instance->database_password);
        if (r >= 0)
                r = json_set_string(json, "url", url);
        if (r < 0)
                request_fail_errno(request, r, "The credentials cannot be shown");
        else
                request_succeed(request, TAKE_PTR(json));
}

void run_get_compose(Request *request)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_(str_erase_freep) char *text = NULL;
        Instance *instance = action_find_instance(request);
        int r;

        if (!instance)
                return;
        path = compose_path(request->manager->compose_dir, instance->id);
        r = path ? read_file(path, COMPOSE_MAX, &text, NULL) : -ENOMEM;
        if (r == -ENOENT)
                request_fail(request, FAULT_CONFLICT, "id", "Instance %s has no compose file (it is %s)",
                                instance->id, instance_status_to_string(instance->status));
        else if (r < 0)
                request_fail_errno(request, r, "The compose file cannot be read");
        else
                answer_member(request, "compose", json_object_new_string(text));
}

/* ---- Deleting ---- */

static void on_delete_job(Request *request, Instance *instance, JobEvent event, const char *reason)
{
        if (event == JOB_EVENT_STORE_FAILED)
                change_refused(request, "the deletion, so nothing was deleted", reason);
        else if (event == JOB_EVENT_STORE_DOUBTFUL)
                request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                                "The store (Redis) was lost in the middle of it. The deletion goes on when "
                                "it is back; ask again to see its end");
        else if (event == JOB_EVENT_ENDED && instance->status == INSTANCE_DELETED)
                answer_instance(request, instance);
        else if (event == JOB_EVENT_ENDED)
                request_fail(request, FAULT_FAILED, NULL,
                                "Instance %s could not be deleted: %s. Delete it again", instance->id,
                                strempty(instance->error_reason));
}

Job *action_delete_job(const Instance *i)
{
        return i->job && i->job->kind == JOB_DELETE ? i->job : i->job ? i->job->successor : NULL;
}

bool action_is_being_deleted(const Instance *i)
{
        return i->status == INSTANCE_DELETING || action_delete_job(i);
}

/* The delete job that is under way on the instance, or a new one. */
static int find_delete_job(Manager *m, Instance *i, Job **ret, bool *ret_new)
{
        Job *job = action_delete_job(i);
        int r;

        *ret_new = !job;
        if (!job) {
                r = job_new(m, i, JOB_DELETE, &job);
                if (r < 0)
                        return r;
        }
        *ret = job;
        return 0;
}

static void attach_job(Instance *i, Job *job)
{
        if (i->job)
                i->job->successor = job;
        else
                i->job = job;
}

static void detach_job(Instance *i, Job *job)
{
        if (i->job == job)
                i->job = NULL;
        else if (i->job)
                i->job->successor = NULL;
        job_free(job);
}

static void fail_delete_unstored(Request *request)
{
        request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                        "The store (Redis) cannot be reached, so nothing was deleted. Try again in a "
                        "moment");
}

void run_delete_instance(Request *request)
{
        Instance *instance = action_find_instance(request);
        bool is_new;
        Job *job;
        int r;

        if (!instance)
                return;
        if (instance->status == INSTANCE_DELETED) {
                answer_instance(request, instance);
                return;
        }
        if (!manager_engine_connected(request->manager)) {
                request_fail(request, FAULT_ENGINE_UNAVAILABLE, NULL,
                                "The engine (Docker) cannot be reached, so nothing can be deleted. Try "
                                "again in a moment");
                return;
        }
        if (!manager_store_connected(request->manager)) {
                fail_delete_unstored(request);
                return;
        }
        r = find_delete_job(request->manager, instance, &job, &is_new);
        if (r < 0) {
                request_fail_errno(request, r, "The deletion cannot be begun");
                return;
        }
        r = job_wait(job, request, on_delete_job);
        if (r < 0) {
                if (is_new)
                        job_free(job);
                request_fail_errno(request, r, "The deletion cannot be waited for");
                return;
        }
        if (!is_new)
                return;
        attach_job(instance, job);
        if (instance->job != job && instance->job->state == JOB_STORING)
                return; /* stored once that one is */
        r = job_store(job);
        if (r < 0) {
                detach_job(instance, job);
                fail_delete_unstored(request);
        }
}

/* ---- Restarting ---- */

static void on_restart_job(Request *request, Instance *instance, JobEvent event, const char *reason)
{
        if (event == JOB_EVENT_STORE_FAILED)
                change_fail(request, reason);
        else if (event == JOB_EVENT_STORE_DOUBTFUL)
                request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                                "The store (Redis) was lost in the middle of it. The restart goes on when "
                                "it is back");
        else if (event == JOB_EVENT_ENDED && instance->status == INSTANCE_RUNNING)
                answer_instance(request, instance);
        else if (event == JOB_EVENT_ENDED)
                request_fail(request, FAULT_FAILED, NULL, "Instance %s did not come up again: %s",
                                instance->id,
                                instance->error_reason ? instance->error_reason : "it is being deleted");
}

/* Only what has once been ready has containers to restart. */
static bool may_restart(Request *request, const Instance *instance)
{
        bool was_ready = instance->timeline[PHASE_READY] != TIMELINE_UNSET &&
                         (instance->status == INSTANCE_RUNNING || instance->status == INSTANCE_FAILED);

        if (instance->job)
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s cannot be restarted: it is being worked on. Try again when "
                                "that is over",
                                instance->id);
        else if (!was_ready)
                request_fail(request, FAULT_CONFLICT, "id", "Instance %s cannot be restarted: it is %s",
                                instance->id, instance_status_to_string(instance->status));
        else if (!manager_engine_connected(request->manager))
                request_fail(request, FAULT_ENGINE_UNAVAILABLE, NULL,
                                "The engine (Docker) cannot be reached, so nothing can be restarted. Try "
                                "again in a moment");
        else
                return true;
        return false;
}

void run_restart_instance(Request *request)
{
        Instance *instance = action_find_instance(request);
        Job *job;
        int r;

        if (!instance || !may_restart(request, instance))
                return;
        r = job_new(request->manager, instance, JOB_RESTART, &job);
        if (r >= 0) {
                r = job_wait(job, request, on_restart_job);
                if (r < 0)
                        job_free(job);
        }
        if (r < 0) {
                request_fail_errno(request, r, "The restart cannot be begun");
                return;
        }
        attach_job(instance, job);
        if (job_store(job) < 0) {
                detach_job(instance, job);
                change_fail(request, NULL);
        }
}
