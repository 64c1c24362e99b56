/* SPDX-License-Identifier: MIT */
#include "core/verbs/create.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/random-util.h"
#include "basic/time-util.h"
#include "basic/utf8.h"
#include "core/job/intent.h"
#include "core/job/job.h"
#include "core/job/plan.h"
#include "core/job/watch.h"
#include "core/model/address-pool.h"
#include "core/model/expand.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/names.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/doubts.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/spec/spec.h"
#include "core/verbs/admission.h"
#include "core/verbs/change.h"
#include "core/verbs/common.h"
#include "core/verbs/request.h"
#include "core/verbs/users.h"
#include "core/verbs/wait.h"

#define CLIENT_NAME_MAX          64
#define DATABASE_PASSWORD_LENGTH 32
#define ACCESS_TOKEN_LENGTH      32
#define SECRET_LENGTH            24

/* What the request asks for. */
typedef struct Order {
        const char *product_id;
        Product *product;
        const char *client_name;
        const char *idempotency_key;
} Order;

/* ---- Checks ---- */

static bool check_client_name(Request *request, const char *name)
{
        size_t n;

        if (utf8_count_printable(name, &n) < 0)
                request_fail(request, FAULT_INVALID_ARGUMENT, "client_name",
                                "client_name must be printable characters of UTF-8");
        else if (n < 1 || n > CLIENT_NAME_MAX)
                request_fail(request, FAULT_INVALID_ARGUMENT, "client_name",
                                "client_name must have 1 to %d characters; it has %zu", CLIENT_NAME_MAX, n);
        else if (utf8_is_blank(name))
                request_fail(request, FAULT_INVALID_ARGUMENT, "client_name",
                                "client_name must not be blank");
        else
                return true;
        return false;
}

static bool check_idempotency_key(Request *request, const char *key)
{
        if (!key || (*key && strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~"
                                         "-") == strlen(key)))
                return true;
        request_fail(request, FAULT_INVALID_ARGUMENT, "idempotency_key",
                        "An idempotency key has letters, digits and “._~-” only");
        return false;
}

static bool read_order(Request *request, Order *ret)
{
        struct json_object *a = request->arguments;

        *ret = (Order){ .product_id = "" };
        (void) json_get_string(a, "product_id", &ret->product_id);
        (void) json_get_string(a, "client_name", &ret->client_name);
        (void) json_get_string(a, "idempotency_key", &ret->idempotency_key);
        return check_client_name(request, ret->client_name) &&
               check_idempotency_key(request, ret->idempotency_key);
}

/* Not before a repeat has been answered: the product of the first may be gone since. */
static bool find_product(Request *request, Order *order)
{
        order->product = manager_get_product(request->manager, order->product_id);
        if (!order->product)
                request_fail(request, FAULT_NO_SUCH_PRODUCT, "product_id", "There is no product “%s”",
                                order->product_id);
        else if (order->product->newer_field)
                request_fail(request, FAULT_CONFLICT, "product_id",
                                "Product “%s” was set by a newer version of arkd: this one does not "
                                "understand its field %s, so it cannot deploy it. Upgrade arkd, or set the "
                                "product again",
                                order->product_id, order->product->newer_field);
        else
                return true;
        return false;
}

/* Bounds that hold for everybody. */
static bool check_capacity(Request *request)
{
        Manager *m = request->manager;
        unsigned live = 0, at_work = 0;
        const char *fault = NULL;

        if (!manager_store_connected(m)) {
                request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                                "The store (Redis) cannot be reached, so nothing can be deployed. Try again "
                                "in a moment");
                return false;
        }
        if (!manager_engine_connected(m)) {
                request_fail(request, FAULT_ENGINE_UNAVAILABLE, NULL,
                                "The engine (Docker) cannot be reached, so nothing can be deployed. Try "
                                "again in a moment");
                return false;
        }
        if (!manager_is_isolated(m, &fault)) {
                request_fail(request, FAULT_NOT_ISOLATED, NULL,
                                "Instances are not kept apart from each other, so nothing can be deployed: "
                                "%s",
                                fault);
                return false;
        }
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                live += instance_has_resources(i);
                at_work += i->job != NULL;
        }
        /* Those count too whose order is on its way to the store. */
        if (at_work >= m->workers + m->queue_max) {
                request_fail(request, FAULT_QUEUE_FULL, NULL,
                                "%u jobs are under way or waiting already, and QueueMax=%u lets no "
                                "more wait. Try again in a moment",
                                at_work, m->queue_max);
                return false;
        }
        if (live >= m->instances_max) {
                request_fail(request, FAULT_QUOTA_EXCEEDED, NULL,
                                "This host has its %u instances. Ask its operator to delete some",
                                m->instances_max);
                return false;
        }
        return true;
}

/* Bounds on visitors: how many they may have, and how fast they may come. */
static bool check_quota(Request *request)
{
        const Caller *caller = &request->caller;
        unsigned total = 0, own = 0, recent = 0;
        Manager *m = request->manager;
        uint64_t now = now_realtime();

        if (caller->unlimited)
                return true;
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);
                bool mine = streq_ptr(i->owner, caller->identity);

                total += instance_has_resources(i);
                own += mine && instance_has_resources(i);
                /* What seems to be made later is from before the clock was set back. */
                recent += mine && i->created_usec <= now && i->created_usec + USEC_PER_MINUTE > now;
        }
        if (recent >= m->quota_rate)
                request_fail(request, FAULT_QUOTA_EXCEEDED, NULL,
                                "You have deployed %u times within a minute. Wait a minute and try again",
                                recent);
        else if (own >= m->quota_identity)
                request_fail(request, FAULT_QUOTA_EXCEEDED, NULL,
                                "You have %u applications already, which is as many as you may. Ask the "
                                "operator to delete one",
                                own);
        else if (total >= m->quota_total)
                request_fail(request, FAULT_QUOTA_EXCEEDED, NULL,
                                "All %u places for applications are taken. Ask the operator to delete one",
                                m->quota_total);
        else
                return true;
        return false;
}

/* ---- Answer ---- */

/* The creator sees the access token, this once and on a repeat with the same key. */
static void answer(Request *request, const Instance *instance)
{
        struct json_object *json = instance_to_json(instance, action_view(request));

        if (!json || json_set_string(json, "access_token", instance->access_token) < 0) {
                json_object_put(json);
                request_fail_errno(request, -ENOMEM, "The instance cannot be shown");
                return;
        }
        request->created = instance->status == INSTANCE_RUNNING;
        request_succeed(request, json);
}

static void on_job(Request *request, Instance *instance, JobEvent event, const char *reason)
{
        if (event == JOB_EVENT_STORED)
                answer(request, instance);
        else if (event == JOB_EVENT_STORE_FAILED)
                change_refused(request, "the deployment, so nothing was deployed", reason);
}

/* The same key again: the same answer, for a day. Answers whether the request has been dealt with. */
static bool answer_repeat(Request *request, const Order *order)
{
        Manager *m = request->manager;

        if (!order->idempotency_key)
                return false;
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);

                if (!streq_ptr(i->idempotency_key, order->idempotency_key) ||
                                !instance_is_repeatable(i, now_realtime()))
                        continue;
                if (!streq(i->product_id, order->product_id) || !streq(i->client_name, order->client_name) ||
                                !streq_ptr(i->owner, request->caller.identity))
                        request_fail(request, FAULT_CONFLICT, "idempotency_key",
                                        "This idempotency key has been used for another deployment. Use a "
                                        "new one");
                else if (i->stored)
                        answer(request, i);
                else if (request_wait(request, i->job, on_job) < 0)
                        request_fail_errno(request, -ENOMEM, "The deployment cannot be waited for");
                return true;
        }
        return false;
}

/* What the key made may be in the store or not, and a second one beside it would be one too many. */
static bool check_doubt(Request *request, const Order *order)
{
        if (!order->idempotency_key || !manager_doubts_key(request->manager, order->idempotency_key))
                return true;
        request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                        "It is not known yet whether the store (Redis) took the first deployment with this "
                        "idempotency key. Try again in a moment");
        return false;
}

/* ---- Making it ---- */

static int make_secret(size_t n, char **ret)
{
        _cleanup_(str_erase_freep) char *secret = new0(char, n + 1);
        int r;

        if (!secret)
                return -ENOMEM;
        r = random_string(ALPHABET_ALNUM, n, secret);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(secret);
        return 0;
}

/* Makes each secret that a template names. */
static const char *make_named_secret(const char *name, void *userdata)
{
        const char *secret = expand_secret_name(name);
        _cleanup_(str_erase_freep) char *value = NULL;
        StringPairs *secrets = userdata;

        if (!secret || string_pairs_get(secrets, secret))
                return "";
        if (make_secret(SECRET_LENGTH, &value) < 0 || string_pairs_add(secrets, secret, value) < 0)
                return NULL;
        return "";
}

static int make_secrets(Instance *i)
{
        const Product *p = i->product;
        int r;

        r = make_secret(ACCESS_TOKEN_LENGTH, &i->access_token);
        if (r >= 0 && i->has_database)
                r = make_secret(DATABASE_PASSWORD_LENGTH, &i->database_password);
        for (size_t k = 0; r >= 0 && k < p->env.n + p->n_credentials; k++) {
                _cleanup_free_ char *ignored = NULL;

                r = expand(k < p->env.n ? p->env.items[k].value : p->credentials[k - p->env.n].value,
                                make_named_secret, &i->secrets, &ignored, NULL);
        }
        return r;
}

static int make_id(Manager *m, char **ret)
{
        char random[INSTANCE_ID_RANDOM + 1];
        _cleanup_free_ char *id = NULL;
        int r;

        do {
                r = random_string(ALPHABET_BASE32, INSTANCE_ID_RANDOM, random);
                if (r < 0)
                        return r;
                free(id);
                id = str_printf("%s%s", INSTANCE_ID_PREFIX, random);
                if (!id)
                        return -ENOMEM;
        } while (manager_find_instance(m, id));
        *ret = TAKE_PTR(id);
        return 0;
}

/*
 * A subnet that no interface of the host is in: two would share its route. An engine that was stopped while it made a
 * network leaves the bridge behind and does not know it any more. Such a subnet stays taken until the next start.
 */
static int take_subnet(Manager *m, char ret_subnet[ADDRESS_TEXT_MAX])
{
        for (;;) {
                char name[INTERFACE_NAME_MAX];
                int r;

                r = address_pool_take_subnet(m->addresses, ret_subnet);
                if (r < 0 || m->engine->vtable->find_interface(m->engine, ret_subnet, name) <= 0)
                        return r;
                log_warning("The interface %s has an address in %s, which no instance has, so that is left "
                            "out. If nothing else needs it, remove it with “ip link delete %s”",
                                name, ret_subnet, name);
        }
}

static int take_addresses(Manager *m, Instance *i)
{
        char address[ADDRESS_TEXT_MAX], subnet[ADDRESS_TEXT_MAX];
        int r;

        r = address_pool_take_ingress(m->addresses, now_realtime(), address);
        if (r < 0)
                return r;
        i->ingress_address = strdup(address);
        r = take_subnet(m, subnet);
        if (r >= 0)
                i->subnet = strdup(subnet);
        if (r >= 0 && (!i->ingress_address || !i->subnet))
                r = -ENOMEM;
        if (r < 0) {
                address_pool_release_ingress(m->addresses, address, 0);
                if (i->subnet)
                        address_pool_release_subnet(m->addresses, subnet);
        }
        return r;
}

static uint64_t expiry(const Manager *m, const Product *p, uint64_t created_usec)
{
        uint64_t age = p->expires_usec == UINT64_MAX ? m->expires_usec : p->expires_usec;

        return age == 0 ? UINT64_MAX : created_usec + age;
}

static int make_strings(Manager *m, const Request *request, const Order *order, Instance *i)
{
        int r;

        r = make_id(m, &i->id);
        if (r >= 0)
                r = free_and_strdup(&i->product_id, order->product->id);
        if (r >= 0)
                r = free_and_strdup(&i->client_name, order->client_name);
        if (r >= 0)
                r = free_and_strdup(&i->owner, request->caller.identity);
        if (r >= 0)
                r = free_and_strdup(&i->idempotency_key, order->idempotency_key);
        if (r >= 0)
                r = free_and_strdup(&i->message, "Waiting for its turn");
        if (r < 0)
                return r;
        i->access_url = instance_url_make_link(m->base_url, i->id);
        if (i->access_url)
                i->public_url = instance_url_make_public(&m->applications, i);
        return i->public_url ? 0 : -ENOMEM;
}

static int make_instance(const Request *request, const Order *order, Instance **ret)
{
        _cleanup_(instance_freep) Instance *i = new0(Instance, 1);
        Manager *m = request->manager;
        int r;

        if (!i)
                return -ENOMEM;
        r = make_strings(m, request, order, i);
        if (r < 0)
                return r;
        i->product = product_ref(order->product);
        i->prefix = i->product->prefix;
        i->has_database = i->product->database_image != NULL;
        i->has_database_alias = i->has_database;
        i->limits = manager_limits_of(m, i->product);
        i->has_limits = true;
        i->created_usec = now_realtime();
        i->expires_usec = expiry(m, i->product, i->created_usec);
        for (InstancePhase phase = 0; phase < _PHASE_MAX; phase++)
                i->timeline[phase] = TIMELINE_UNSET;
        i->timeline[PHASE_QUEUED] = 0;
        r = make_secrets(i);
        if (r < 0)
                return r;
        i->credentials = instance_make_credentials(i);
        r = i->credentials ? 0 : -ENOMEM;
        if (r >= 0 && streq_ptr(i->product->user, PRODUCT_USER_AUTO))
                r = manager_take_uid(m, &i->uid);
        if (r >= 0)
                r = take_addresses(m, i);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}

/* Registers the instance, not visible yet, with a job whose intent is on its way to the store. */
static int begin(Request *request, Instance *instance)
{
        _cleanup_(job_freep) Job *job = NULL;
        Manager *m = request->manager;
        int r;

        r = job_new(m, instance, plan_find(m, ARK_JOB_CREATE), &job);
        if (r >= 0)
                r = request_wait(request, job, on_job);
        if (r >= 0)
                r = job_store(job);
        if (r < 0)
                return r;
        instance->job = TAKE_PTR(job);
        return 0;
}

void create_instance(Request *request)
{
        Manager *m = request->manager;
        Instance *instance = NULL;
        Order order;
        int r;

        if (!read_order(request, &order) || answer_repeat(request, &order) ||
                        !check_doubt(request, &order) || !find_product(request, &order) ||
                        !check_capacity(request) || !check_quota(request) || !admission_check(request))
                return;
        r = make_instance(request, &order, &instance);
        if (r == -EADDRNOTAVAIL) {
                request_fail(request, FAULT_QUOTA_EXCEEDED, NULL,
                                "There is no address left for another instance. Delete some, or enlarge "
                                "SubnetPool=");
                return;
        }
        if (r == -EUSERS) {
                request_fail(request, FAULT_QUOTA_EXCEEDED, NULL,
                                "There is no user id left for another instance. Delete some, or enlarge "
                                "UserRange=");
                return;
        }
        if (r >= 0) {
                r = manager_add_instance(m, instance);
                if (r < 0)
                        instance_free(instance);
        }
        if (r < 0) {
                request_fail_errno(request, r, "The instance cannot be made");
                return;
        }
        r = begin(request, instance);
        if (r < 0) {
                manager_release_addresses(m, instance, false);
                manager_remove_instance(m, instance);
                if (r == -ENOTCONN || r == -EBUSY)
                        request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                                        "The store (Redis) does not take the deployment. Try again in a "
                                        "moment");
                else
                        request_fail_errno(request, r, "The deployment cannot be stored");
        }
}
