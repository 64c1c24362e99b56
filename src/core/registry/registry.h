/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"

/* What exists: instances and products by id, in order of creation. */

/* For the roof. 0 or -ENOMEM. */
int registry_new(Manager *manager);
void registry_done(Manager *manager);

/* Registered objects; NULL where there is none. */
Instance *manager_get_instance(Manager *manager, const char *id);
Product *manager_get_product(Manager *manager, const char *id);
/* Also those that are not stored yet. */
Instance *manager_find_instance(Manager *manager, const char *id);

/* Instances that are not deleted. */
unsigned manager_count_instances(const Manager *manager);

/* In order of creation: iterate with a cursor that starts at NULL. Answers the next instance after the cursor
 * (which need not exist any more), newest last, or NULL at the end. The same for products. */
Instance *manager_next_instance(Manager *manager, const char *after_id);
Product *manager_next_product(Manager *manager, const char *after_id);

/* The manager owns what is added; -ENOMEM leaves it with the caller. */
int manager_add_instance(Manager *manager, Instance *instance);
void manager_remove_instance(Manager *manager, Instance *instance);
/* Adds or replaces; takes a reference. */
int manager_put_product(Manager *manager, Product *product);
void manager_remove_product(Manager *manager, const char *id);

/* Gives the instance's addresses back, once. used: its ingress address may have been reached by somebody. */
void manager_release_addresses(Manager *manager, Instance *instance, bool used);

/* Instances are reached there from now on, also those that there are. 0 or -ENOMEM. */
int manager_set_base_url(Manager *manager, const char *base_url);
