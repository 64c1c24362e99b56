/* SPDX-License-Identifier: MIT */
#include "bus_fake.h"

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/random-util.h"
#include "basic/time-util.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/recovery/generation.h"
#include "core/recovery/unknown.h"
#include "core/registry/admission.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/registry/registry.h"
#include "core/registry/storage.h"
#include "core/registry/watch.h"
#include "core/upkeep/lost.h"
#include "core/upkeep/ownerless.h"
#include "core/verbs/request.h"
#include "core/verbs/table.h"
#include "core/verbs/verb.h"

#define OBJECTS_MAX 64
#define WAITING_MAX 4096

struct ManagerWatch {
        Manager *manager;
        ManagerEventHandler handler;
        void *userdata;
};

struct Manager {
        sd_event *event;
        Instance *instances[OBJECTS_MAX];
        size_t n_instances;
        Product *products[OBJECTS_MAX];
        size_t n_products;
        bool engine, store, hold;
        Request *waiting[WAITING_MAX];
        unsigned n_waiting, ran;
        char *last_caller;
        Fault fail_next;
        Counters counters;
        const char *base_url;
        char *const *ownerless, *const *damaged;
        unsigned unknown_serial;
        StoreCondition condition;
        ManagerWatch *watch;
};

int fake_manager_new(sd_event *event, Manager **ret)
{
        Manager *m = new0(Manager, 1);

        if (!m)
                return -ENOMEM;
        m->event = event;
        m->engine = m->store = true;
        m->base_url = "http://localhost:3000";
        *ret = m;
        return 0;
}

Manager *fake_manager_free(Manager *m)
{
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->n_instances; i++)
                instance_free(m->instances[i]);
        for (size_t i = 0; i < m->n_products; i++)
                product_unref(m->products[i]);
        free(m->last_caller);
        free(m);
        return NULL;
}

sd_event *manager_get_event(Manager *m)
{
        return m->event;
}

bool manager_is_loaded(const Manager *m)
{
        return true;
}

bool manager_engine_connected(const Manager *m)
{
        return m->engine;
}

bool manager_store_connected(const Manager *m)
{
        return m->store;
}

Counters *manager_counters(Manager *m)
{
        return &m->counters;
}

bool manager_next_unknown(const Manager *m, const char *after_id, UnknownInstance *ret)
{
        if (!m->unknown_serial || after_id)
                return false;
        *ret = (UnknownInstance){ "client_zzzzzzzzzzzz", "Lost", NULL };
        return true;
}

unsigned manager_unknown_serial(const Manager *m)
{
        return m->unknown_serial;
}

void manager_get_store_condition(const Manager *m, StoreCondition *ret)
{
        *ret = m->condition;
}

char *const *manager_damaged_records(const Manager *m)
{
        return m->damaged;
}

const char *manager_base_url(const Manager *m)
{
        return m->base_url;
}

const ApplicationsAddress *manager_applications(const Manager *m)
{
        static const ApplicationsAddress applications = { .port = APPLICATIONS_PORT_DEFAULT };

        return &applications;
}

char *const *manager_ownerless_volumes(const Manager *m)
{
        return m->ownerless;
}

char *const *manager_lost_volumes(const Manager *m)
{
        return NULL;
}

const char *admission_engine_root(Manager *m)
{
        return "/srv/docker";
}

uint64_t storage_measured_usec(const Manager *m)
{
        return 1700000000000000;
}

bool storage_get_item(const Manager *m, const Instance *i, size_t k, StorageItem *ret)
{
        *ret = (StorageItem){ .kind = k == 0 ? "layer" : "volume",
                .role = "app",
                .name = k == 0 ? i->id : "data",
                .path = k == 0 ? NULL : "/data",
                .bytes = k == 0 ? 7 : USAGE_UNKNOWN };
        return k < 2;
}

Instance *manager_get_instance(Manager *m, const char *id)
{
        for (size_t i = 0; i < m->n_instances; i++)
                if (streq(m->instances[i]->id, id))
                        return m->instances[i];
        return NULL;
}

Product *manager_get_product(Manager *m, const char *id)
{
        for (size_t i = 0; i < m->n_products; i++)
                if (streq(m->products[i]->id, id))
                        return m->products[i];
        return NULL;
}

unsigned manager_count_instances(const Manager *m)
{
        unsigned n = 0;

        for (size_t i = 0; i < m->n_instances; i++)
                n += m->instances[i]->status != INSTANCE_DELETED;
        return n;
}

Instance *manager_next_instance(Manager *m, const char *after)
{
        size_t i = 0;

        while (after && i < m->n_instances)
                if (streq(m->instances[i++]->id, after))
                        break;
        return i < m->n_instances ? m->instances[i] : NULL;
}

Product *manager_next_product(Manager *m, const char *after)
{
        size_t i = 0;

        while (after && i < m->n_products)
                if (streq(m->products[i++]->id, after))
                        break;
        return i < m->n_products ? m->products[i] : NULL;
}

int manager_watch(Manager *m, ManagerEventHandler handler, void *userdata, ManagerWatch **ret)
{
        ManagerWatch *w = new0(ManagerWatch, 1);

        if (!w)
                return -ENOMEM;
        *w = (ManagerWatch){ m, handler, userdata };
        *ret = m->watch = w;
        return 0;
}

ManagerWatch *manager_watch_free(ManagerWatch *w)
{
        if (w)
                w->manager->watch = NULL;
        return mfree(w);
}

static void notify(Manager *m, ManagerEvent event, Instance *instance, Product *product)
{
        if (m->watch)
                m->watch->handler(event, instance, product, m->watch->userdata);
}

Instance *fake_add_instance(Manager *m, const char *product_id, const char *client_name)
{
        char random[INSTANCE_ID_RANDOM + 1];
        Instance *i = new0(Instance, 1);

        if (!i || m->n_instances == OBJECTS_MAX ||
                        random_string(ALPHABET_BASE32, INSTANCE_ID_RANDOM, random) < 0)
                abort();
        i->id = str_printf(INSTANCE_ID_PREFIX "%s", random);
        i->product_id = strdup(product_id);
        i->client_name = strdup(client_name);
        i->access_url = str_printf("http://localhost:3000/instances/%s/", i->id);
        i->created_usec = now_realtime();
        i->expires_usec = UINT64_MAX;
        i->has_database = true;
        m->instances[m->n_instances++] = i;
        notify(m, MANAGER_INSTANCE_ADDED, i, NULL);
        return i;
}

Product *fake_add_product(Manager *m, const char *text)
{
        _cleanup_json_ struct json_object *json = json_tokener_parse(text);
        Product *product, *before;
        const char *id;

        if (product_new_from_json(json, &product, NULL, NULL) < 0 || json_get_string(json, "id", &id) < 0)
                abort();
        before = manager_get_product(m, id);
        for (size_t i = 0; before && i < m->n_products; i++)
                if (m->products[i] == before)
                        m->products[i] = product;
        if (!before)
                m->products[m->n_products++] = product;
        notify(m, before ? MANAGER_PRODUCT_CHANGED : MANAGER_PRODUCT_ADDED, NULL, product);
        product_unref(before);
        return product;
}

void fake_instance_changed(Manager *m, Instance *instance)
{
        notify(m, MANAGER_INSTANCE_CHANGED, instance, NULL);
}

void fake_remove_instance(Manager *m, Instance *instance, bool tombstone)
{
        size_t i = 0;

        instance->status = INSTANCE_DELETED;
        if (tombstone) {
                notify(m, MANAGER_INSTANCE_REMOVED, instance, NULL);
                return;
        }
        while (m->instances[i] != instance)
                i++;
        m->instances[i] = m->instances[--m->n_instances];
        notify(m, MANAGER_INSTANCE_REMOVED, instance, NULL);
        instance_free(instance);
}

void fake_set_connected(Manager *m, bool engine, bool store)
{
        m->engine = engine;
        m->store = store;
        notify(m, MANAGER_CHANGED, NULL, NULL);
}

void fake_set_report(Manager *m, const char *base_url, char *const *ownerless_volumes)
{
        m->base_url = base_url;
        m->ownerless = ownerless_volumes;
        notify(m, MANAGER_CHANGED, NULL, NULL);
}

void fake_hold_deletions(Manager *m, bool hold)
{
        m->hold = hold;
}

unsigned fake_waiting(const Manager *m)
{
        return m->n_waiting;
}

unsigned fake_ran(const Manager *m)
{
        return m->ran;
}

const char *fake_last_caller(const Manager *m)
{
        return m->last_caller;
}

void fake_fail_next(Manager *m, Fault fault)
{
        m->fail_next = fault;
}

/* ---- Actions ----------------------------------------------------------------------------------------------- */

static const char *argument(Request *request, const char *name)
{
        const char *s = NULL;

        (void) json_get_string(request->arguments, name, &s);
        return s;
}

/* False where the request has been failed, as the test wished. */
static bool begin(Request *request)
{
        Manager *m = request->manager;
        Fault fault = m->fail_next;

        m->ran++;
        (void) free_and_strdup(&m->last_caller, request->caller.identity);
        m->fail_next = FAULT_NONE;
        if (fault != FAULT_NONE)
                request_fail(request, fault, NULL, "The test wished it");
        return fault == FAULT_NONE;
}

static Instance *wanted_instance(Request *request)
{
        Instance *instance = manager_get_instance(request->manager, argument(request, "id"));

        if (!instance)
                request_fail(request, FAULT_NO_SUCH_INSTANCE, "id", "There is no instance %s",
                                argument(request, "id"));
        return instance;
}

static void succeed_with_instance(Request *request, Instance *instance)
{
        request_succeed(request, instance_to_json(instance, INSTANCE_VIEW_OPERATOR));
}

static void run_create(Request *request)
{
        struct json_object *json;
        Instance *instance;

        if (!begin(request))
                return;
        if (!manager_get_product(request->manager, argument(request, "product_id"))) {
                request_fail(request, FAULT_NO_SUCH_PRODUCT, "product_id", "There is no product %s",
                                argument(request, "product_id"));
                return;
        }
        instance = fake_add_instance(
                        request->manager, argument(request, "product_id"), argument(request, "client_name"));
        (void) free_and_strdup(&instance->idempotency_key, argument(request, "idempotency_key"));
        json = instance_to_json(instance, INSTANCE_VIEW_OPERATOR);
        (void) json_set_string(json, "access_token", "never-on-the-bus");
        request_succeed(request, json);
}

static void run_get(Request *request)
{
        Instance *instance = begin(request) ? wanted_instance(request) : NULL;

        if (instance)
                succeed_with_instance(request, instance);
}

static bool matches(Request *request, const Instance *instance)
{
        const char *status = argument(request, "status"), *product = argument(request, "product_id");

        return (!status || streq(status, instance_status_to_string(instance->status))) &&
               (!product || streq(product, instance->product_id));
}

static void run_list(Request *request)
{
        struct json_object *json, *items;

        if (!begin(request))
                return;
        json = json_object_new_object();
        items = json_object_new_array();
        (void) json_set(json, "items", items);
        for (Instance *i = NULL; (i = manager_next_instance(request->manager, i ? i->id : NULL));)
                if (matches(request, i))
                        json_object_array_add(items, instance_to_json(i, INSTANCE_VIEW_OPERATOR));
        request_succeed(request, json);
}

/* state of a waiting request, so that its death is seen. */
static void forget_waiting(void *state)
{
        Request *request = state;
        Manager *m = request->manager;

        for (unsigned i = 0; i < m->n_waiting; i++)
                if (m->waiting[i] == request) {
                        m->waiting[i] = m->waiting[--m->n_waiting];
                        return;
                }
}

static void run_delete(Request *request)
{
        Manager *m = request->manager;
        Instance *instance = begin(request) ? wanted_instance(request) : NULL;

        if (!instance)
                return;
        if (!m->hold) {
                if (instance->status != INSTANCE_DELETED)
                        fake_remove_instance(m, instance, true);
                succeed_with_instance(request, instance);
                return;
        }
        if (m->n_waiting == WAITING_MAX)
                abort();
        m->waiting[m->n_waiting++] = request;
        request->state = request;
        request->state_free = forget_waiting;
}

void fake_end_deletions(Manager *m)
{
        while (m->n_waiting > 0)
                /* Ends its waiting, too. */
                succeed_with_instance(m->waiting[0], manager_get_instance(m, argument(m->waiting[0], "id")));
}

static void run_set_product(Request *request)
{
        _cleanup_free_ char *field = NULL, *reason = NULL;
        struct json_object *json = json_get(request->arguments, "product");
        Product *product;

        if (!begin(request))
                return;
        if (product_new_from_json(json, &product, &field, &reason) < 0) {
                request_fail(request, FAULT_INVALID_ARGUMENT, field, "%s", reason);
                return;
        }
        product_unref(product);
        product = fake_add_product(request->manager, json_text(json));
        request_succeed(request, product_to_json(product, true));
}

static void run_list_products(Request *request)
{
        struct json_object *json, *items;

        if (!begin(request))
                return;
        json = json_object_new_object();
        items = json_object_new_array();
        (void) json_set(json, "items", items);
        for (Product *p = NULL; (p = manager_next_product(request->manager, p ? p->id : NULL));)
                json_object_array_add(items, product_to_json(p, true));
        request_succeed(request, json);
}

static void run_delete_product(Request *request)
{
        Manager *m = request->manager;
        const char *id = argument(request, "id");

        if (!begin(request))
                return;
        for (size_t i = 0; i < m->n_products; i++)
                if (streq(m->products[i]->id, id)) {
                        Product *product = m->products[i];

                        m->products[i] = m->products[--m->n_products];
                        notify(m, MANAGER_PRODUCT_REMOVED, NULL, product);
                        product_unref(product);
                        request_succeed(request, NULL);
                        return;
                }
        request_fail(request, FAULT_NO_SUCH_PRODUCT, "id", "There is no product %s", id);
}

static void run_get_product(Request *request)
{
        const char *id = argument(request, "id");
        Product *product = manager_get_product(request->manager, id);

        if (!begin(request))
                return;
        if (product)
                request_succeed(request, json_object_get(product->json));
        else
                request_fail(request, FAULT_NO_SUCH_PRODUCT, "id", "There is no product %s", id);
}

static void run_credentials(Request *request)
{
        struct json_object *json;

        if (!begin(request) || !wanted_instance(request))
                return;
        json = json_object_new_object();
        (void) json_set_string(json, "user", "postgres");
        (void) json_set_u64(json, "port", 5432);
        request_succeed(request, json);
}

static void run_compose(Request *request)
{
        struct json_object *json;

        if (!begin(request) || !wanted_instance(request))
                return;
        json = json_object_new_object();
        (void) json_set_string(json, "compose", "name: test\n");
        request_succeed(request, json);
}

/* Of the database, the engine tells nothing but that it runs. */
static void run_usage(Request *request)
{
        static const char text[] =
                        "{\"items\":[{\"role\":\"app\",\"container\":\"a\",\"started_at\":"
                        "\"2026-11-24T15:40:01.000000Z\",\"read_at\":\"2026-11-24T15:40:02.500000Z\","
                        "\"memory\":1,\"memory_limit\":2,\"cpu_nsec\":3,\"pids\":4,\"pids_limit\":5},"
                        "{\"role\":\"db\",\"container\":\"b\",\"memory\":null}]}";
        struct json_object *json = NULL;

        if (!begin(request) || !wanted_instance(request))
                return;
        if (json_parse(text, strlen(text), &json, NULL) < 0)
                abort();
        request_succeed(request, json);
}

static const Argument id_arguments[] = {
        { .name = "id", .type = ARGUMENT_STRING, .required = true },
        { NULL },
};
static const Argument create_arguments[] = {
        { .name = "product_id", .type = ARGUMENT_STRING, .required = true },
        { .name = "client_name", .type = ARGUMENT_STRING, .required = true },
        { .name = "idempotency_key", .type = ARGUMENT_STRING },
        { NULL },
};
static const Argument list_arguments[] = {
        { .name = "status", .type = ARGUMENT_STRING },
        { .name = "product_id", .type = ARGUMENT_STRING },
        { NULL },
};
static const Argument product_arguments[] = {
        { .name = "product", .type = ARGUMENT_OBJECT, .required = true },
        { NULL },
};

#define VERB(n, least, polkit, args, fn)                                                                    \
        {                                                                                                   \
                .name = (n), .role = (least), .polkit_action = (polkit), .arguments = (args), .run = (fn)   \
        }

const Action action_table[] = {
        VERB("CreateInstance", ROLE_VISITOR, "x", create_arguments, run_create),
        VERB("GetInstance", ROLE_VISITOR, NULL, id_arguments, run_get),
        VERB("ListInstances", ROLE_LOCAL, NULL, list_arguments, run_list),
        VERB("DeleteInstance", ROLE_OPERATOR, "x", id_arguments, run_delete),
        VERB("SetProduct", ROLE_OPERATOR, "x", product_arguments, run_set_product),
        VERB("GetWholeProduct", ROLE_OPERATOR, "x", id_arguments, run_get_product),
        VERB("DeleteProduct", ROLE_OPERATOR, "x", id_arguments, run_delete_product),
        VERB("ListProducts", ROLE_VISITOR, NULL, NULL, run_list_products),
        VERB("GetCredentials", ROLE_OPERATOR, "x", id_arguments, run_credentials),
        VERB("GetCompose", ROLE_OPERATOR, "x", id_arguments, run_compose),
        VERB("GetUsage", ROLE_LOCAL, NULL, id_arguments, run_usage),
        { NULL },
};

const Action *action_find(const char *name)
{
        for (const Action *a = action_table; a->name; a++)
                if (streq(a->name, name))
                        return a;
        return NULL;
}
