/* SPDX-License-Identifier: MIT */
#include "fake_core.h"
#include "core/recovery/unknown.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/registry/registry.h"
#include "core/registry/watch.h"
#include "core/verbs/audit.h"
#include "core/verbs/hold.h"
#include "core/verbs/request.h"
#include "core/verbs/table.h"
#include "core/verbs/verb.h"
#include "starve.h"

#define S(name_, source_, required_)                                                                        \
        {                                                                                                   \
                .name = name_, .type = ARGUMENT_STRING, .source = source_, .required = required_            \
        }

static const Argument by_id[] = { S("id", ARGUMENT_PATH, true), { 0 } };
static const Argument list_instances[] = {
        S("status", ARGUMENT_QUERY, false),
        S("cursor", ARGUMENT_QUERY, false),
        { .name = "limit", .type = ARGUMENT_U64, .source = ARGUMENT_QUERY },
        { .name = "deep", .type = ARGUMENT_BOOL, .source = ARGUMENT_QUERY },
        { 0 },
};
static const Argument create_instance[] = {
        S("product_id", ARGUMENT_BODY, true),
        S("client_name", ARGUMENT_BODY, true),
        { .name = "idempotency_key",
                        .type = ARGUMENT_STRING,
                        .source = ARGUMENT_HEADER,
                        .header = "Idempotency-Key" },
        { 0 },
};
static const Argument get_access[] = {
        S("id", ARGUMENT_PATH, true),
        { .name = "access_token",
                        .type = ARGUMENT_STRING,
                        .source = ARGUMENT_HEADER,
                        .header = "Authorization" },
        { 0 },
};
static const Argument product[] = {
        { .name = "product", .type = ARGUMENT_OBJECT, .source = ARGUMENT_WHOLE_BODY, .required = true },
        { 0 },
};
static const Argument put_product[] = {
        S("id", ARGUMENT_PATH, true),
        { .name = "product", .type = ARGUMENT_OBJECT, .source = ARGUMENT_WHOLE_BODY, .required = true },
        { 0 },
};

static struct json_object *echo(const Request *request)
{
        OUTSIDE;
        struct json_object *result = json_object_new_object();

        if (json_set_string(result, "id", "new-one") < 0 ||
                        json_set_string(result, "identity", request->caller.identity) < 0 ||
                        json_set_bool(result, "unlimited", request->caller.unlimited) < 0 ||
                        json_set(result, "arguments", json_object_get(request->arguments)) < 0)
                abort();
        return result;
}

static void run_echo(Request *request)
{
        request_succeed(request, echo(request));
}

static void run_create(Request *request)
{
        const char *name;

        request->created = json_get_string(request->arguments, "client_name", &name) == 0 &&
                           streq(name, "warm");
        run_echo(request);
}

static void run_get_instance(Request *request)
{
        const char *id;

        if (json_get_string(request->arguments, "id", &id) < 0 || !streq(id, FAKE_ID)) {
                request_fail(request, FAULT_NO_SUCH_INSTANCE, "id", "There is no such instance");
                return;
        }
        request_succeed(request, instance_to_json(&request->manager->instance, INSTANCE_VIEW_VISITOR));
}

static void run_get_access(Request *request)
{
        const char *token;

        if (request->caller.role != ROLE_OPERATOR &&
                        (json_get_string(request->arguments, "access_token", &token) < 0 ||
                                        !streq(token, "its-token"))) {
                request_fail(request, FAULT_UNAUTHENTICATED, NULL, "Send the access token");
                return;
        }
        run_echo(request);
}

static void forever_forget(void *state)
{
        Manager *manager = state;

        manager->n_waiting--;
        manager->waiting = NULL;
}

static void run_forever(Request *request)
{
        request->manager->n_waiting++;
        request->manager->waiting = request;
        request->state = request->manager;
        request->state_free = forever_forget;
}

static void run_fault(Request *request)
{
        request_fail(request, request->manager->fault, NULL, "It went wrong");
}

static void run_metrics(Request *request)
{
        request_succeed(request, json_object_get(request->manager->metrics));
}

static void run_big(Request *request)
{
        struct json_object *result = json_object_new_object();
        char *text = calloc(1, 4 * 1024 * 1024 + 1);

        if (!text)
                abort();
        memset(text, 'x', 4 * 1024 * 1024);
        if (json_set_string(result, "text", text) < 0)
                abort();
        free(text);
        request_succeed(request, result);
}

const Action action_table[] = {
        { "ListProducts", NULL, ROLE_VISITOR, "GET", "/api/products", 200, NULL, false, run_echo },
        { "GetProduct", NULL, ROLE_VISITOR, "GET", "/api/products/{id}", 200, by_id, false, run_echo },
        { "CreateProduct", "p", ROLE_OPERATOR, "POST", "/api/products", 201, product, false, run_echo },
        { "SetProduct", "p", ROLE_OPERATOR, "PUT", "/api/products/{id}", 200, put_product, false, run_echo },
        { "CreateInstance", "p", ROLE_VISITOR, "POST", "/api/instances", 202, create_instance, false,
                        run_create },
        { "ListInstances", NULL, ROLE_OPERATOR, "GET", "/api/instances", 200, list_instances, false,
                        run_echo },
        { "GetInstance", NULL, ROLE_VISITOR, "GET", "/api/instances/{id}", 200, by_id, false,
                        run_get_instance },
        { "GetAccess", NULL, ROLE_VISITOR, "GET", "/api/instances/{id}/access", 200, get_access, false,
                        run_get_access },
        { "DeleteInstance", "p", ROLE_OPERATOR, "DELETE", "/api/instances/{id}", 200, by_id, false,
                        run_echo },
        { "BusOnly", "p", ROLE_VISITOR, NULL, NULL, 0, NULL, false, run_echo },
        { "Forever", NULL, ROLE_VISITOR, "GET", "/api/forever", 200, NULL, false, run_forever },
        { "Fault", NULL, ROLE_VISITOR, "GET", "/api/fault", 200, NULL, false, run_fault },
        { "GetMetrics", NULL, ROLE_OPERATOR, NULL, NULL, 0, NULL, true, run_metrics },
        { "Big", NULL, ROLE_VISITOR, "GET", "/api/big", 200, NULL, false, run_big },
        { 0 },
};

const Action *action_find(const char *name)
{
        for (const Action *a = action_table; a->name; a++)
                if (streq(a->name, name))
                        return a;
        return NULL;
}

void fake_manager_init(Manager *manager, sd_event *event)
{
        static char id[] = FAKE_ID;

        *manager = (Manager){
                .event = event,
                .loaded = true,
                .engine_connected = true,
                .store_connected = true,
                .instance = { .id = id, .status = INSTANCE_PENDING },
        };
}

void fake_manager_changed(Manager *manager, InstanceStatus status, InstancePhase phase)
{
        manager->instance.status = status;
        manager->instance.phase = phase;
        if (manager->handler)
                manager->handler(MANAGER_INSTANCE_CHANGED, &manager->instance, NULL,
                                manager->handler_userdata);
}

Counters *manager_counters(Manager *manager)
{
        return &manager->counters;
}

bool manager_is_loaded(const Manager *manager)
{
        return manager->loaded;
}

sd_event *manager_get_event(Manager *manager)
{
        return manager->event;
}

bool manager_engine_connected(const Manager *manager)
{
        return manager->engine_connected;
}

bool manager_store_connected(const Manager *manager)
{
        return manager->store_connected;
}

const ApplicationsAddress *manager_applications(const Manager *manager)
{
        return &manager->applications;
}

const Instance *unknown_route(const Manager *manager, const char *id)
{
        return NULL;
}

Instance *manager_get_instance(Manager *manager, const char *id)
{
        return streq(id, manager->instance.id) ? &manager->instance : NULL;
}

int manager_watch(Manager *manager, ManagerEventHandler handler, void *userdata, ManagerWatch **ret)
{
        manager->handler = handler;
        manager->handler_userdata = userdata;
        *ret = (ManagerWatch *) manager;
        return 0;
}

ManagerWatch *manager_watch_free(ManagerWatch *watch)
{
        if (watch)
                ((Manager *) watch)->handler = NULL;
        return NULL;
}

struct json_object *instance_to_json(const Instance *instance, InstanceView view)
{
        OUTSIDE;
        struct json_object *o = json_object_new_object();

        if (json_set_string(o, "id", instance->id) < 0 ||
                        json_set_string(o, "status", instance_status_to_string(instance->status)) < 0 ||
                        json_set_u64(o, "phase", instance->phase) < 0 ||
                        json_set_string(o, "message", instance->message) < 0 ||
                        json_set_bool(o, "for_operator", view == INSTANCE_VIEW_OPERATOR) < 0)
                abort();
        return o;
}

const char *instance_status_to_string(InstanceStatus status)
{
        static const char *const names[] = { "pending", "running", "failed", "deleting", "deleted" };

        return names[status];
}

bool instance_id_is_valid(const char *id)
{
        return strlen(id) == INSTANCE_ID_LENGTH;
}

const char *prefix_mode_to_string(PrefixMode mode)
{
        return mode == PREFIX_KEEP ? "keep" : "strip";
}

void audit_request(const Request *request)
{
}

/* Nothing is held here: the fake is there from the first moment. */
bool hold_request(Request *request, void (*go_on)(Request *request))
{
        return false;
}
