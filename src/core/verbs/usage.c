/* SPDX-License-Identifier: MIT */

/* What an instance's containers use, and how much room it takes up. All who ask at the same time share one look, so that asking often, which every
 * user of this host may, does not keep the engine busy. */

#include "core/verbs/usage.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/registry/storage.h"
#include "core/verbs/common.h"
#include "core/verbs/request.h"

#define USAGE_TIMEOUT_USEC (5 * USEC_PER_SEC)
/* Sizes of before are told where they are not older, or new ones are not to be had in time. */
#define SIZES_AGE_USEC     USEC_PER_MINUTE
#define SIZES_TIMEOUT_USEC (2 * USEC_PER_SEC)

typedef struct UsageWaiter UsageWaiter;

/* One container that is looked at. */
typedef struct UsagePart {
        UsageLook *look;
        const char *role;
        char *container;
        Pending *pending;
        struct json_object *item; /* NULL where it does not run */
} UsagePart;

/* One look, at all containers at the same time: an older engine answers with its next reading, a second later. */
struct UsageLook {
        Manager *manager;
        char *instance_id;
        UsagePart parts[2]; /* in the order in which they are told */
        size_t n_parts;
        Pending *sizes; /* that are being measured */
        TAILQ_HEAD(, UsageWaiter) waiters;
        TAILQ_ENTRY(UsageLook) list;
};

/* The state of a request that waits for it. */
struct UsageWaiter {
        UsageLook *look;
        Request *request;
        TAILQ_ENTRY(UsageWaiter) list;
};

static void look_free(UsageLook *look)
{
        TAILQ_REMOVE(&look->manager->usage_looks, look, list);
        for (size_t i = 0; i < look->n_parts; i++) {
                pending_cancel(look->parts[i].pending);
                json_object_put(look->parts[i].item);
                free(look->parts[i].container);
        }
        pending_cancel(look->sizes);
        free(look->instance_id);
        free(look);
}

/* A request ends, or its caller has gone: a look that nobody waits for ends too. */
static void waiter_free(void *state)
{
        UsageWaiter *waiter = state;
        UsageLook *look = waiter->look;

        TAILQ_REMOVE(&look->waiters, waiter, list);
        free(waiter);
        if (TAILQ_EMPTY(&look->waiters))
                look_free(look);
}

/* look: NULL for an instance without containers. */
static struct json_object *usage_result(const Manager *m, const Instance *i, const UsageLook *look)
{
        _cleanup_json_ struct json_object *result = json_object_new_object();
        struct json_object *items = json_object_new_array();

        if (json_set(result, "items", items) < 0 || json_set(result, "storage", storage_to_json(m, i)) < 0)
                return NULL;
        for (size_t k = 0; look && k < look->n_parts; k++) {
                struct json_object *item = look->parts[k].item;

                if (item && json_append(items, json_object_get(item)) < 0)
                        return NULL;
        }
        return TAKE_PTR(result);
}

/* It may have gone meanwhile. */
static void answer_usage(Request *request, const UsageLook *look)
{
        const Instance *i = action_find_instance(request);
        struct json_object *result = i ? usage_result(request->manager, i, look) : NULL;

        if (!i)
                return;
        if (result)
                request_succeed(request, result);
        else
                request_fail_errno(request, -ENOMEM, "The usage cannot be shown");
}

/* Answers all who wait; with the last of them, the look is gone. */
static void look_finish(UsageLook *look, int error, const char *reason)
{
        UsageWaiter *waiter, *next;

        for (waiter = TAILQ_FIRST(&look->waiters); waiter; waiter = next) {
                next = TAILQ_NEXT(waiter, list);
                if (error >= 0)
                        answer_usage(waiter->request, look);
                else
                        request_fail(waiter->request,
                                        error == -ENOTCONN ? FAULT_ENGINE_UNAVAILABLE : FAULT_FAILED, NULL,
                                        "The engine (Docker) does not tell what %s uses: %s",
                                        look->instance_id, strempty(reason));
        }
}

static int part_set_item(UsagePart *part, const ContainerUsage *usage)
{
        _cleanup_json_ struct json_object *item = json_object_new_object();
        int r;

        r = item ? json_set_string(item, "role", part->role) : -ENOMEM;
        if (r >= 0)
                r = json_set_string(item, "container", part->container);
        if (r >= 0)
                r = json_set_timestamp(item, "started_at", usage->started_usec);
        if (r >= 0)
                r = json_set_timestamp(item, "read_at", usage->read_usec);
        if (r >= 0)
                r = json_set_known(item, "memory", usage->memory);
        if (r >= 0)
                r = json_set_known(item, "memory_limit", usage->memory_limit);
        if (r >= 0)
                r = json_set_known(item, "cpu_nsec", usage->cpu_nsec);
        if (r >= 0)
                r = json_set_known(item, "pids", usage->pids);
        if (r >= 0)
                r = json_set_known(item, "pids_limit", usage->pids_limit);
        if (r >= 0)
                part->item = TAKE_PTR(item);
        return r;
}

static bool look_is_done(const UsageLook *look)
{
        for (size_t i = 0; i < look->n_parts; i++)
                if (look->parts[i].pending)
                        return false;
        return !look->sizes;
}

/* An engine that does not tell is no reason not to tell the rest. */
static void on_sizes(int error, void *userdata)
{
        UsageLook *look = userdata;

        look->sizes = NULL;
        if (error == -ENOMEM)
                look_finish(look, error, strerror(-error));
        else if (look_is_done(look))
                look_finish(look, 0, NULL);
}

/* A container that is not there, or does not run, uses nothing. */
static void on_usage(int error, const char *reason, const ContainerUsage *usage, void *userdata)
{
        UsagePart *part = userdata;
        UsageLook *look = part->look;

        part->pending = NULL;
        if (error >= 0 && usage->running) {
                error = part_set_item(part, usage);
                reason = strerror(-error);
        } else if (error == -ENOENT)
                error = 0;
        if (error < 0)
                look_finish(look, error, reason);
        else if (look_is_done(look))
                look_finish(look, 0, NULL);
}

static UsageLook *look_find(Manager *m, const char *instance_id)
{
        UsageLook *look;

        TAILQ_FOREACH(look, &m->usage_looks, list)
        if (streq(look->instance_id, instance_id))
                return look;
        return NULL;
}

static int look_add(UsageLook *look, const char *role, const char *container)
{
        UsagePart *part = &look->parts[look->n_parts++];

        *part = (UsagePart){ .look = look, .role = role, .container = strdup(container) };
        return part->container ? 0 : -ENOMEM;
}

/* Without a waiter as yet: the last of them frees it. */
static int look_new(Manager *m, const Instance *i, UsageLook **ret)
{
        UsageLook *look = new0(UsageLook, 1);
        InstanceNames names;
        int r;

        if (!look)
                return -ENOMEM;
        look->manager = m;
        TAILQ_INIT(&look->waiters);
        TAILQ_INSERT_TAIL(&m->usage_looks, look, list);
        instance_names(i, &names);
        r = free_and_strdup(&look->instance_id, i->id);
        if (r >= 0)
                r = look_add(look, ARK_ROLE_APP, i->id);
        if (r >= 0 && i->has_database)
                r = look_add(look, ARK_ROLE_DATABASE, names.database);
        if (r < 0) {
                look_free(look);
                return r;
        }
        *ret = look;
        return 0;
}

static int look_join(UsageLook *look, Request *request)
{
        UsageWaiter *waiter = new0(UsageWaiter, 1);

        if (!waiter)
                return -ENOMEM;
        *waiter = (UsageWaiter){ .look = look, .request = request };
        TAILQ_INSERT_TAIL(&look->waiters, waiter, list);
        request->state = waiter;
        request->state_free = waiter_free;
        return 0;
}

static int look_ask(UsageLook *look)
{
        EnginePort *engine = look->manager->engine;
        int r = 0;

        for (UsagePart *part = look->parts; r >= 0 && part < look->parts + look->n_parts; part++)
                r = engine->vtable->container_usage(
                                engine, part->container, USAGE_TIMEOUT_USEC, on_usage, part, &part->pending);
        return r;
}

static bool has_sizes(const Manager *m, const Instance *i)
{
        uint64_t now = now_realtime(), measured = storage_measured_usec(m);
        StorageItem item;

        for (size_t k = 0; storage_get_item(m, i, k, &item); k++)
                if (item.bytes == USAGE_UNKNOWN)
                        return false;
        return measured <= now && now - measured < SIZES_AGE_USEC;
}

static int look_begin(Request *request, const Instance *i)
{
        UsageLook *look;
        int r;

        r = look_new(request->manager, i, &look);
        if (r < 0)
                return r;
        r = look_join(look, request);
        if (r < 0)
                look_free(look);
        else
                r = look_ask(look); /* where it fails, the request does, and with it the look */
        if (r >= 0 && !has_sizes(request->manager, i))
                r = storage_wait(look->manager, SIZES_TIMEOUT_USEC, on_sizes, look, &look->sizes);
        return r;
}

void run_get_usage(Request *request)
{
        Instance *i = action_find_instance(request);
        UsageLook *look;
        int r;

        if (!i)
                return;
        if (!instance_has_resources(i)) {
                answer_usage(request, NULL);
                return;
        }
        look = look_find(request->manager, i->id);
        r = look ? look_join(look, request) : look_begin(request, i);
        if (r < 0)
                request_fail(request, r == -ENOTCONN ? FAULT_ENGINE_UNAVAILABLE : FAULT_FAILED, NULL,
                                "The engine (Docker) cannot be asked what %s uses: %s", i->id, strerror(-r));
}
