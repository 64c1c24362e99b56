/* SPDX-License-Identifier: MIT */
#include "core/verbs/product.h"

#include <errno.h>

#include "basic/json-util.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/registry/doubts.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"
#include "core/verbs/change.h"
#include "core/verbs/request.h"

static void fail_no_product(Request *request, const char *id)
{
        request_fail(request, FAULT_NO_SUCH_PRODUCT, "id", "There is no product “%s”", id);
}

static void answer_product(Request *request, const Product *product)
{
        struct json_object *json = product_to_json(product, request->caller.role == ROLE_OPERATOR);

        if (json)
                request_succeed(request, json);
        else
                request_fail_errno(request, -ENOMEM, "The product cannot be shown");
}

void run_list_products(Request *request)
{
        _cleanup_json_ struct json_object *list = json_object_new_object();
        struct json_object *items = json_object_new_array();
        bool with_env = request->caller.role == ROLE_OPERATOR;
        int r = json_set(list, "items", items);

        for (struct lh_entry *e = request->manager->products->head; r >= 0 && e; e = e->next)
                r = json_append(items, product_to_json(lh_entry_v(e), with_env));
        if (r >= 0)
                r = json_set_string(list, "next", NULL);
        if (r < 0)
                request_fail_errno(request, r, "The products cannot be listed");
        else
                request_succeed(request, TAKE_PTR(list));
}

void run_get_product(Request *request)
{
        const char *id = "";
        Product *product;

        (void) json_get_string(request->arguments, "id", &id);
        product = manager_get_product(request->manager, id);
        if (product)
                answer_product(request, product);
        else
                fail_no_product(request, id);
}

/* ---- Writing ---- */

static void product_unref_payload(void *payload)
{
        product_unref(payload);
}

static void on_product_stored(
                Manager *manager, Request *request, int error, const char *reason, void *payload)
{
        Product *product = payload;
        bool exists = manager_get_product(manager, product->id) != NULL;

        manager_doubt_product(manager, product->id, error);
        if (error >= 0 && manager_put_product(manager, product) < 0)
                log_oom();
        else if (error >= 0)
                manager_notify(manager, exists ? MANAGER_PRODUCT_CHANGED : MANAGER_PRODUCT_ADDED, NULL,
                                product);
        if (request && error < 0)
                change_fail(request, reason);
        else if (request)
                answer_product(request, product);
}

static void on_product_deleted(
                Manager *manager, Request *request, int error, const char *reason, void *payload)
{
        Product *product = payload;

        manager_doubt_product(manager, product->id, error);
        if (error >= 0 && manager_get_product(manager, product->id)) {
                manager_notify(manager, MANAGER_PRODUCT_REMOVED, NULL, product);
                manager_remove_product(manager, product->id);
        }
        if (request && error < 0)
                change_fail(request, reason);
        else if (request)
                answer_product(request, product);
}

static void store_product(Request *request, Product *product, bool deletion)
{
        const StoreWrite write = { deletion ? STORE_DELETE : STORE_PUT, STORE_PRODUCT, product->id,
                json_text(product->json) };

        if (change_begin(request, &write, 1, deletion ? on_product_deleted : on_product_stored,
                            product_ref(product), product_unref_payload) < 0)
                change_fail(request, NULL);
}

static void set_product(Request *request, const char *id, bool must_be_new)
{
        _cleanup_free_ char *field = NULL, *reason = NULL;
        _cleanup_(product_unrefp) Product *product = NULL;
        bool exists;
        int r;

        r = product_new_from_json(json_get(request->arguments, "product"), &product, &field, &reason);
        if (r == -EINVAL) {
                request_fail(request, FAULT_INVALID_ARGUMENT, field, "%s: %s", field, reason);
                return;
        }
        if (r < 0) {
                request_fail_errno(request, r, "The product cannot be read");
                return;
        }
        exists = manager_get_product(request->manager, product->id) != NULL;
        if (id && !streq(product->id, id))
                request_fail(request, FAULT_INVALID_ARGUMENT, "id",
                                "The product's id “%s” is not the one in the path, “%s”", product->id, id);
        else if (must_be_new && exists)
                request_fail(request, FAULT_CONFLICT, "id",
                                "There is a product “%s” already. Use PUT to replace it", product->id);
        else {
                request->created = !exists;
                store_product(request, product, false);
        }
}

void run_create_product(Request *request)
{
        set_product(request, NULL, true);
}

void run_put_product(Request *request)
{
        const char *id = "";

        (void) json_get_string(request->arguments, "id", &id);
        set_product(request, id, false);
}

void run_set_product(Request *request)
{
        set_product(request, NULL, false);
}

static unsigned count_users(Manager *m, const char *product_id)
{
        unsigned n = 0;

        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                n += streq(i->product_id, product_id) && instance_has_resources(i);
        }
        return n;
}

void run_delete_product(Request *request)
{
        const char *id = "";
        Product *product;
        unsigned n;

        (void) json_get_string(request->arguments, "id", &id);
        product = manager_get_product(request->manager, id);
        if (!product) {
                fail_no_product(request, id);
                return;
        }
        n = count_users(request->manager, id);
        if (n > 0)
                request_fail(request, FAULT_IN_USE, "id",
                                "Product “%s” is used by %u instance%s. Delete %s first", id, n,
                                n == 1 ? "" : "s", n == 1 ? "it" : "them");
        else
                store_product(request, product, true);
}
