/* SPDX-License-Identifier: MIT */

/* What an instance's containers use. All who ask at the same time share one look, so that asking often, which every
 * user of this host may, does not keep the engine busy. */

#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/action-run.h"
#include "core/manager-internal.h"
#include "core/names.h"

#define USAGE_TIMEOUT_USEC (5 * USEC_PER_SEC)

typedef struct UsageWaiter UsageWaiter;

/* One look: first at the application's container, then at the database's. */
struct UsageLook {
        Manager *manager;
        char *instance_id;
        char *database; /* name of its container, or NULL where there is none */
        Pending *pending;
        struct json_object *items;
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
        pending_cancel(look->pending);
        json_object_put(look->items);
        free(look->instance_id);
        free(look->database);
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

static struct json_object *usage_result(struct json_object *items)
{
        _cleanup_json_ struct json_object *result = json_object_new_object();

        return result && json_set(result, "items", json_object_get(items)) >= 0 ? TAKE_PTR(result) : NULL;
}

static void answer_items(Request *request, struct json_object *items)
{
        struct json_object *result = items ? usage_result(items) : NULL;

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
                        answer_items(waiter->request, look->items);
                else
                        request_fail(waiter->request,
                                        error == -ENOTCONN ? FAULT_ENGINE_UNAVAILABLE : FAULT_FAILED, NULL,
                                        "The engine (Docker) does not tell what %s uses: %s",
                                        look->instance_id, strempty(reason));
        }
}

static int set_known(struct json_object *o, const char *name, uint64_t value)
{
        return value == USAGE_UNKNOWN ? json_set_string(o, name, NULL) : json_set_u64(o, name, value);
}

static int add_item(UsageLook *look, const char *role, const char *container, const ContainerUsage *usage)
{
        _cleanup_json_ struct json_object *item = json_object_new_object();
        int r;

        r = item ? json_set_string(item, "role", role) : -ENOMEM;
        if (r >= 0)
                r = json_set_string(item, "container", container);
        if (r >= 0)
                r = json_set_timestamp(item, "started_at", usage->started_usec);
        if (r >= 0)
                r = json_set_timestamp(item, "read_at", usage->read_usec);
        if (r >= 0)
                r = set_known(item, "memory", usage->memory);
        if (r >= 0)
                r = set_known(item, "memory_limit", usage->memory_limit);
        if (r >= 0)
                r = set_known(item, "cpu_nsec", usage->cpu_nsec);
        if (r >= 0)
                r = set_known(item, "pids", usage->pids);
        if (r >= 0)
                r = set_known(item, "pids_limit", usage->pids_limit);
        if (r < 0 || json_object_array_add(look->items, item) < 0)
                return -ENOMEM;
        TAKE_PTR(item);
        return 0;
}

/* A container that is not there, or does not run, uses nothing. Answers whether to go on. */
static bool look_take(UsageLook *look, const char *role, const char *container, int error,
                const char *reason, const ContainerUsage *usage)
{
        int r = 0;

        look->pending = NULL;
        if (error < 0 && error != -ENOENT) {
                look_finish(look, error, reason);
                return false;
        }
        if (error >= 0 && usage->running)
                r = add_item(look, role, container, usage);
        if (r < 0)
                look_finish(look, r, strerror(-r));
        return r >= 0;
}

static void on_database_usage(int error, const char *reason, const ContainerUsage *usage, void *userdata)
{
        UsageLook *look = userdata;

        if (look_take(look, ARK_ROLE_DATABASE, look->database, error, reason, usage))
                look_finish(look, 0, NULL);
}

static int look_ask(UsageLook *look, const char *container, ContainerUsageDone done)
{
        EnginePort *engine = look->manager->engine;

        return engine->vtable->container_usage(
                        engine, container, USAGE_TIMEOUT_USEC, done, look, &look->pending);
}

static void on_app_usage(int error, const char *reason, const ContainerUsage *usage, void *userdata)
{
        UsageLook *look = userdata;
        int r;

        if (!look_take(look, ARK_ROLE_APP, look->instance_id, error, reason, usage))
                return;
        r = look->database ? look_ask(look, look->database, on_database_usage) : 0;
        if (r < 0 || !look->database)
                look_finish(look, r, r < 0 ? strerror(-r) : NULL);
}

static UsageLook *look_find(Manager *m, const char *instance_id)
{
        UsageLook *look;

        TAILQ_FOREACH(look, &m->usage_looks, list)
        if (streq(look->instance_id, instance_id))
                return look;
        return NULL;
}

/* With its first waiter, which frees it. */
static int look_new(Manager *m, const Instance *i, UsageLook **ret)
{
        UsageLook *look = new0(UsageLook, 1);
        InstanceNames names;

        if (!look)
                return -ENOMEM;
        look->manager = m;
        TAILQ_INIT(&look->waiters);
        TAILQ_INSERT_TAIL(&m->usage_looks, look, list);
        instance_names(i, &names);
        look->items = json_object_new_array();
        if (!look->items || free_and_strdup(&look->instance_id, i->id) < 0 ||
                        free_and_strdup(&look->database, i->has_database ? names.database : NULL) < 0) {
                look_free(look);
                return -ENOMEM;
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
                r = look_ask(look, look->instance_id, on_app_usage);
        return r;
}

void run_get_usage(Request *request)
{
        _cleanup_json_ struct json_object *none = NULL;
        Instance *i = action_find_instance(request);
        UsageLook *look;
        int r;

        if (!i)
                return;
        if (!instance_has_resources(i)) {
                none = json_object_new_array();
                answer_items(request, none);
                return;
        }
        look = look_find(request->manager, i->id);
        r = look ? look_join(look, request) : look_begin(request, i);
        if (r < 0)
                request_fail(request, r == -ENOTCONN ? FAULT_ENGINE_UNAVAILABLE : FAULT_FAILED, NULL,
                                "The engine (Docker) cannot be asked what %s uses: %s", i->id, strerror(-r));
}
