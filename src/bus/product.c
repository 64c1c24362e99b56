/* SPDX-License-Identifier: MIT */
#include "bus/product.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "bus/objects.h"
#include "bus/words.h"
#include "core/model/product.h"

/* A product that has been announced, as last signalled. */
typedef struct BusProduct {
        char *id;
        Product *product;
} BusProduct;

static BusProduct *bus_product_free(BusProduct *seen)
{
        if (!seen)
                return NULL;
        product_unref(seen->product);
        free(seen->id);
        return mfree(seen);
}
DEFINE_CLEANUP_FUNC(BusProduct, bus_product_free);

void bus_product_entry_free(struct lh_entry *entry)
{
        bus_product_free((BusProduct *) lh_entry_v(entry));
}

static const char *product_text(const Product *product, const char *field)
{
        return bus_text(json_get(product->json, field));
}

static int get_name(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", product_text(userdata, "name"));
}

static int get_description(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", product_text(userdata, "description"));
}

static int get_json(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *json = product_to_json(userdata, false);

        return json ? sd_bus_message_append(reply, "s", json_text(json)) : -ENOMEM;
}

static const sd_bus_vtable product_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "s", NULL, offsetof(Product, id), SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Name", "s", get_name, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Description", "s", get_description, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Image", "s", NULL, offsetof(Product, image), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Json", "s", get_json, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_VTABLE_END,
};

/* Announced ones by their path, whose last part has one form only: another spelling of the id is no object. */
static int find_product(sd_bus *bus, const char *path, const char *interface, void *userdata,
                void **ret_found, sd_bus_error *error)
{
        BusApi *api = userdata;
        _cleanup_free_ char *id = NULL, *canonical = NULL;
        struct lh_entry *entry;
        int r;

        r = sd_bus_path_decode(path, BUS_PRODUCT_PREFIX, &id);
        if (r <= 0)
                return r;
        entry = lh_table_lookup_entry(api->products, id);
        if (!entry)
                return 0;
        r = bus_product_path(id, &canonical);
        if (r < 0)
                return r;
        if (!streq(path, canonical))
                return 0;
        *ret_found = ((BusProduct *) lh_entry_v(entry))->product;
        return 1;
}

static int enumerate_products(
                sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error)
{
        BusApi *api = userdata;

        return bus_api_enumerate(api->products, bus_product_path, ret_nodes);
}

int bus_product_register(BusApi *api)
{
        return bus_api_add_objects(api, BUS_PRODUCT_PREFIX, BUS_PRODUCT_INTERFACE, product_vtable,
                        find_product, enumerate_products);
}

int bus_product_add(BusApi *api, Product *product, bool signal)
{
        _cleanup_(bus_product_freep) BusProduct *seen = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        if (lh_table_lookup_entry(api->products, product->id))
                return 0;
        r = bus_product_path(product->id, &path);
        if (r < 0)
                return r;
        seen = new0(BusProduct, 1);
        if (!seen || free_and_strdup(&seen->id, product->id) < 0)
                return -ENOMEM;
        seen->product = product_ref(product);
        if (lh_table_insert(api->products, seen->id, seen) < 0)
                return -ENOMEM;
        TAKE_PTR(seen);
        if (signal)
                bus_api_log_signal(sd_bus_emit_object_added(api->bus, path), path);
        return 0;
}

/* The document without env, as a client sees it: true where it differs, also when memory is short. */
static bool document_changed(const Product *before, const Product *now)
{
        _cleanup_json_ struct json_object *a = product_to_json(before, false),
                                          *b = product_to_json(now, false);

        return !a || !b || !streq(json_text(a), json_text(b));
}

void bus_product_change(BusApi *api, Product *product)
{
        struct lh_entry *entry = lh_table_lookup_entry(api->products, product->id);
        _cleanup_(product_unrefp) Product *before = NULL;
        _cleanup_free_ char *path = NULL;
        const char *names[5] = { NULL };
        BusProduct *seen;
        size_t n = 0;

        if (!entry) {
                if (bus_product_add(api, product, true) < 0)
                        (void) log_oom();
                return;
        }
        seen = (BusProduct *) lh_entry_v(entry);
        before = seen->product;
        seen->product = product_ref(product);
        if (!streq(product_text(before, "name"), product_text(product, "name")))
                names[n++] = "Name";
        if (!streq(product_text(before, "description"), product_text(product, "description")))
                names[n++] = "Description";
        if (!streq(before->image, product->image))
                names[n++] = "Image";
        if (document_changed(before, product))
                names[n++] = "Json";
        if (n == 0)
                return;
        if (bus_product_path(product->id, &path) < 0) {
                (void) log_oom();
                return;
        }
        bus_api_log_signal(sd_bus_emit_properties_changed_strv(
                                           api->bus, path, BUS_PRODUCT_INTERFACE, (char **) names),
                        path);
}

void bus_product_remove(BusApi *api, const char *id)
{
        struct lh_entry *entry = lh_table_lookup_entry(api->products, id);
        _cleanup_free_ char *path = NULL;

        if (!entry)
                return;
        if (bus_product_path(id, &path) >= 0)
                bus_api_log_signal(sd_bus_emit_object_removed(api->bus, path), path);
        else
                (void) log_oom();
        (void) lh_table_delete_entry(api->products, entry);
}
