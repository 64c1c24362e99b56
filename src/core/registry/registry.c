/* SPDX-License-Identifier: MIT */
#include "core/registry/registry.h"

#include <errno.h>

#include "basic/time-util.h"
#include "core/model/address-pool.h"
#include "core/model/instance-url.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"
#include "core/registry/state.h"
#include "core/registry/watch.h"

static void entry_free_instance(struct lh_entry *entry)
{
        instance_free(lh_entry_v(entry));
}

static void entry_free_product(struct lh_entry *entry)
{
        product_unref(lh_entry_v(entry));
}

int registry_new(Manager *manager)
{
        manager->instances = lh_kchar_table_new(64, entry_free_instance);
        manager->products = lh_kchar_table_new(16, entry_free_product);
        return manager->instances && manager->products ? 0 : -ENOMEM;
}

void registry_done(Manager *manager)
{
        if (manager->instances)
                lh_table_free(manager->instances);
        if (manager->products)
                lh_table_free(manager->products);
}

Instance *manager_find_instance(Manager *manager, const char *id)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->instances, id);

        return entry ? lh_entry_v(entry) : NULL;
}

Instance *manager_get_instance(Manager *manager, const char *id)
{
        Instance *instance = manager_find_instance(manager, id);

        return instance && instance->stored ? instance : NULL;
}

Product *manager_get_product(Manager *manager, const char *id)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->products, id);

        return entry ? lh_entry_v(entry) : NULL;
}

unsigned manager_count_instances(const Manager *manager)
{
        unsigned n = 0;

        for (struct lh_entry *e = manager->instances->head; e; e = e->next) {
                const Instance *i = lh_entry_v(e);

                n += i->stored && i->status != INSTANCE_DELETED;
        }
        return n;
}

static struct lh_entry *next_entry(struct lh_table *table, const char *after_id)
{
        struct lh_entry *entry;

        if (!after_id)
                return table->head;
        entry = lh_table_lookup_entry(table, after_id);
        return entry ? entry->next : NULL;
}

Instance *manager_next_instance(Manager *manager, const char *after_id)
{
        struct lh_entry *entry = next_entry(manager->instances, after_id);

        while (entry && !((Instance *) lh_entry_v(entry))->stored)
                entry = entry->next;
        return entry ? lh_entry_v(entry) : NULL;
}

Product *manager_next_product(Manager *manager, const char *after_id)
{
        struct lh_entry *entry = next_entry(manager->products, after_id);

        return entry ? lh_entry_v(entry) : NULL;
}

int manager_add_instance(Manager *manager, Instance *instance)
{
        if (!manager->base_url_is_guess && instance_url_move_link(instance, manager->base_url) < 0)
                return -ENOMEM;
        return lh_table_insert(manager->instances, instance->id, instance) < 0 ? -ENOMEM : 0;
}

void manager_remove_instance(Manager *manager, Instance *instance)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->instances, instance->id);

        manager->hooks->forget(instance);
        if (entry)
                lh_table_delete_entry(manager->instances, entry);
}

int manager_put_product(Manager *manager, Product *product)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->products, product->id);

        if (entry) {
                Product *old = lh_entry_v(entry);

                /* In place, so that the catalogue keeps its order. The key is the new object's id. */
                entry->k = product->id;
                lh_entry_set_val(entry, product_ref(product));
                product_unref(old);
                return 0;
        }
        if (lh_table_insert(manager->products, product->id, product) < 0)
                return -ENOMEM;
        product_ref(product);
        return 0;
}

void manager_remove_product(Manager *manager, const char *id)
{
        struct lh_entry *entry = lh_table_lookup_entry(manager->products, id);

        if (entry)
                lh_table_delete_entry(manager->products, entry);
}

void manager_release_addresses(Manager *manager, Instance *instance, bool used)
{
        if (!instance->subnet)
                return;
        address_pool_release_ingress(
                        manager->addresses, instance->ingress_address, used ? now_realtime() : 0);
        address_pool_release_subnet(manager->addresses, instance->subnet);
        instance->subnet = mfree(instance->subnet);
}

/* ---- Links ---- */

static int manager_move_links(Manager *m)
{
        for (struct lh_entry *e = m->instances->head; e; e = e->next) {
                Instance *i = lh_entry_v(e);
                int r = instance_url_move_link(i, m->base_url);

                if (r < 0)
                        return r;
                if (r > 0)
                        manager_notify(m, MANAGER_INSTANCE_CHANGED, i, NULL);
        }
        return 0;
}

int manager_set_base_url(Manager *manager, const char *base_url)
{
        int r;

        manager->base_url_is_guess = false;
        if (!streq(manager->base_url, base_url)) {
                r = free_and_strdup(&manager->base_url, base_url);
                if (r < 0)
                        return r;
                manager_notify(manager, MANAGER_CHANGED, NULL, NULL);
        }
        return manager_move_links(manager);
}
