/* SPDX-License-Identifier: MIT */

/* An instance that this host has and the store does not know is taken back, by what its compose file tells. */

#include "core/verbs/adopt.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "core/job/plan.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/counters.h"
#include "core/registry/doubts.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/spec/archive.h"
#include "core/spec/compose-read.h"
#include "core/spec/deletion-mark.h"
#include "core/verbs/change.h"
#include "core/verbs/request.h"
#include "core/verbs/restart.h"
#include "core/verbs/show.h"

typedef struct Adoption {
        char *id;
        bool runs; /* its containers do */
        char *jobs[PLANS_MAX]; /* that an older store may have on it */
} Adoption;

static void adoption_free(void *payload)
{
        Adoption *adoption = payload;

        for (size_t k = 0; k < PLANS_MAX; k++)
                free(adoption->jobs[k]);
        free(adoption->id);
        free(adoption);
}

static Adoption *adoption_new(const Manager *m, const char *id, bool runs)
{
        Adoption *adoption = new0(Adoption, 1);
        bool whole = adoption && (adoption->id = strdup(id)) != NULL;

        for (size_t k = 0; whole && m->plans[k]; k++) {
                adoption->jobs[k] = str_printf("%s.%s", id, m->plans[k]->name);
                whole = adoption->jobs[k] != NULL;
        }
        if (whole) {
                adoption->runs = runs;
                return adoption;
        }
        if (adoption)
                adoption_free(adoption);
        return NULL;
}

/* ---- Afterwards ---- */

/* A product that has instances is in the catalogue; one that the store has lost is there again. */
static void adopt_product(Manager *m, Product *product)
{
        if (manager_get_product(m, product->id))
                return;
        if (manager_put_product(m, product) < 0) {
                log_oom();
                return;
        }
        log_full(LOG_NOTICE, 0, LOG_ABOUT(.product = product->id),
                        "Product %s is in the catalogue again, as its instance was made", product->id);
        manager_notify(m, MANAGER_PRODUCT_ADDED, NULL, product);
}

static void strv_drop(char **list, const char *s)
{
        char **to = list;

        for (char **from = list; from && *from; from++)
                if (streq(*from, s))
                        free(*from);
                else
                        *to++ = *from;
        if (to)
                *to = NULL;
}

/* Its record is whole again, where it was damaged. */
static void forget_damage(Manager *m, const char *id)
{
        static const char *const kinds[] = { "instance", "secret" };

        if (!strv_contains(m->damaged, id))
                return;
        strv_drop(m->damaged, id);
        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                _cleanup_free_ char *key = str_printf("%s:%s", kinds[k], id);

                if (key)
                        strv_drop(m->damaged_keys, key);
        }
        m->unknown_serial++;
}

static void adopt_finish(Manager *m, Request *request, Instance *i, bool runs)
{
        LogContext context;

        i->stored = true;
        instance_get_log_context(i, &context);
        context.message_id = MESSAGE_INSTANCE_ADOPTED;
        log_full(LOG_NOTICE, 0, &context, "Instance %s of %s (%s) is known again", i->id, i->product_id,
                        i->client_name);
        unknown_adopted(m, i->id);
        forget_damage(m, i->id);
        adopt_product(m, i->product);
        manager_notify(m, MANAGER_INSTANCE_ADDED, i, NULL);
        manager_notify(m, MANAGER_CHANGED, NULL, NULL);
        m->hooks->sweep(m);
        if (request && !runs)
                run_restart_instance(request);
        else {
                m->hooks->check(m, i->id);
                if (request)
                        run_get_instance(request);
        }
}

static void on_stored(Manager *m, Request *request, int error, const char *reason, void *payload)
{
        const Adoption *adoption = payload;
        Instance *i = manager_find_instance(m, adoption->id);

        if (error >= 0) {
                adopt_finish(m, request, i, adoption->runs);
                return;
        }
        manager_remove_instance(m, i);
        if (store_error_is_doubtful(error))
                manager_doubt(m, STORE_INSTANCE, adoption->id);
        if (request)
                change_fail(request, reason);
}

/* ---- Before ---- */

/* What an older store had under way on it is over. Answers how many writes that takes. */
static size_t drop_jobs(const Adoption *adoption, StoreWrite *writes)
{
        size_t n = 0;

        for (size_t k = 0; k < PLANS_MAX && adoption->jobs[k]; k++) {
                writes[n++] = (StoreWrite){ STORE_DELETE, STORE_JOB, adoption->jobs[k] };
                writes[n++] = (StoreWrite){ STORE_DEQUEUE, .id = adoption->jobs[k] };
        }
        return n;
}

static int adopt_store(Request *request, const Instance *i, bool runs)
{
        _cleanup_json_ struct json_object *record = instance_to_json(i, INSTANCE_VIEW_RECORD),
                                          *secrets = instance_secrets_to_json(i);
        Adoption *adoption = record && secrets ? adoption_new(request->manager, i->id, runs) : NULL;
        bool with_product = !manager_get_product(request->manager, i->product_id);

        if (!adoption)
                return -ENOMEM;
        StoreWrite writes[3 + 2 * PLANS_MAX] = {
                { STORE_PUT, STORE_SECRET, i->id, json_text(secrets) },
                { STORE_PUT, STORE_INSTANCE, i->id, json_text(record), .score = i->created_usec },
        };
        size_t n = 2;

        if (with_product)
                writes[n++] = (StoreWrite){ STORE_PUT, STORE_PRODUCT, i->product_id,
                        json_text(i->product->json) };
        n += drop_jobs(adoption, writes + n);
        return change_begin(request, writes, n, on_stored, adoption, adoption_free);
}

/* Others may have been given what it has before this host knew of it. */
static bool check_addresses(Request *request, const Unknown *u, const Instance *i)
{
        const char *taken = !streq_ptr(u->subnet, i->subnet)                     ? i->subnet
                            : !streq_ptr(u->ingress_address, i->ingress_address) ? i->ingress_address
                                                                                 : NULL;

        if (taken)
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s cannot be adopted: its address %s is another instance's by "
                                "now, or "
                                "not within SubnetPool=. Delete that one, or set SubnetPool= as it was, and "
                                "restart arkd",
                                i->id, taken);
        return !taken;
}

static bool check_connected(Request *request)
{
        Manager *m = request->manager;

        if (!manager_engine_connected(m))
                request_fail(request, FAULT_ENGINE_UNAVAILABLE, NULL,
                                "The engine (Docker) cannot be reached, so nothing can be adopted. Try "
                                "again in "
                                "a moment");
        else if (!manager_store_connected(m))
                request_fail(request, FAULT_STORE_UNAVAILABLE, NULL,
                                "The store (Redis) cannot be reached, so nothing can be adopted. Try again "
                                "in a "
                                "moment");
        else
                return true;
        return false;
}

static bool read_instance(Request *request, const Unknown *u, Instance **ret)
{
        _cleanup_json_ struct json_object *compose = NULL;
        _cleanup_(instance_freep) Instance *i = NULL;
        int r = 0;

        if (!u->problem) {
                r = compose_read(request->manager->compose_dir, u->id, &compose);
                if (r >= 0)
                        r = archive_read(compose, &i);
                if (r >= 0 && !streq(i->id, u->id))
                        r = -EBADMSG;
        }
        if (u->problem)
                request_fail(request, FAULT_CONFLICT, "id", "Instance %s cannot be adopted: %s", u->id,
                                u->problem);
        else if (r < 0)
                request_fail_errno(request, r, "The compose file of the instance cannot be read");
        else if (check_addresses(request, u, i)) {
                *ret = TAKE_PTR(i);
                return true;
        }
        return false;
}

static void adopt(Request *request, const Unknown *u)
{
        Manager *m = request->manager;
        Instance *i = NULL;
        bool runs;
        int r;

        if (!read_instance(request, u, &i))
                return;
        runs = u->n_running >= (i->has_database ? 2U : 1U);
        i->stored = false;
        r = manager_add_instance(m, i);
        if (r < 0) {
                instance_free(i);
                request_fail_errno(request, r, "The instance cannot be adopted");
                return;
        }
        r = adopt_store(request, i, runs);
        if (r >= 0)
                return;
        manager_remove_instance(m, i);
        change_fail(request, NULL);
}

void run_adopt_instance(Request *request)
{
        Manager *m = request->manager;
        const Instance *i;
        const Unknown *u;
        const char *id = "";

        (void) json_get_string(request->arguments, "id", &id);
        i = manager_find_instance(m, id);
        u = unknown_find(m, id);
        if (i && i->status != INSTANCE_DELETED && i->stored)
                run_get_instance(request); /* it is known */
        else if (i && !i->stored)
                request_fail(request, FAULT_CONFLICT, "id",
                                "Instance %s is being adopted already. Try again in a moment", id);
        else if (i || deletion_is_marked(m, id))
                request_fail(request, FAULT_NO_SUCH_INSTANCE, "id", "Instance %s has been deleted", id);
        else if (!u)
                request_fail(request, FAULT_NO_SUCH_INSTANCE, "id",
                                "There is no instance “%s”, nor anything of one to be adopted", id);
        else if (check_connected(request))
                adopt(request, u);
}
