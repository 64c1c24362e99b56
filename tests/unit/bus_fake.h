/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/registry/context.h"
#include "core/verbs/request.h"

/*
 * A manager and a table of actions for the tests of bus/: they keep objects in memory, do nothing to them, and let
 * the test decide when a deletion ends. What the real ones do with arguments and jobs has its own tests.
 */

int fake_manager_new(sd_event *event, Manager **ret);
Manager *fake_manager_free(Manager *manager);

/* Adds an object and tells the watchers. The manager owns it. */
Instance *fake_add_instance(Manager *manager, const char *product_id, const char *client_name);
Product *fake_add_product(Manager *manager, const char *json);
void fake_instance_changed(Manager *manager, Instance *instance);
/* Tells the watchers, then forgets it (tombstone: keeps it as deleted). */
void fake_remove_instance(Manager *manager, Instance *instance, bool tombstone);
void fake_set_connected(Manager *manager, bool engine, bool store);
/* Both are borrowed. */
void fake_set_report(Manager *manager, const char *base_url, char *const *ownerless_volumes);

/* While set, deletions wait for fake_end_deletions(). */
void fake_hold_deletions(Manager *manager, bool hold);
void fake_end_deletions(Manager *manager);

/* Requests that wait; requests that were run at all; who ran the last. */
unsigned fake_waiting(const Manager *manager);
unsigned fake_ran(const Manager *manager);
const char *fake_last_caller(const Manager *manager);
/* The next request fails with it. */
void fake_fail_next(Manager *manager, Fault fault);
