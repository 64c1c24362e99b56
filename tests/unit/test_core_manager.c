/* SPDX-License-Identifier: MIT */

/* The catalogue, watches, what the engine tells, damaged records, old records. */

#include <stdio.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance-names.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/watch.h"
#include "core/spec/deletion-mark.h"
#include "core/upkeep/ownerless.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

/* ---- Catalogue ---- */

#define SHOP "{\"id\":\"shop\",\"name\":\"%s\",\"image\":\"a:1\",\"database\":null}"

static void set(World *w, Ask *a, const char *verb, const char *name)
{
        struct json_object *arguments = json_object_new_object();
        char text[256];

        (void) snprintf(text, sizeof text, SHOP, name);
        assert_int_equal(json_set(arguments, "product", json_of(text)), 0);
        if (streq(verb, "PutProduct"))
                assert_int_equal(json_set_string(arguments, "id", "shop"), 0);
        ask_now(w, a, verb, ROLE_OPERATOR, "uid:0", arguments);
}

static void test_catalogue(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };
        struct json_object *arguments;

        set(w, &a, "CreateProduct", "One");
        assert_true(a.fault == FAULT_NONE && a.created);
        set(w, &a, "CreateProduct", "Two");
        assert_true(a.fault == FAULT_CONFLICT && streq(a.field, "id"));
        set(w, &a, "PutProduct", "Three");
        assert_true(a.fault == FAULT_NONE && !a.created);
        set(w, &a, "SetProduct", "Four");
        assert_true(a.fault == FAULT_NONE);
        assert_non_null(strstr(fake_ports_record(w->ports, STORE_PRODUCT, "shop"), "Four"));
        arguments = json_of(
                        "{\"id\":\"other\",\"product\":{\"id\":\"shop\",\"name\":\"x\",\"image\":\"a\"}}");
        ask_now(w, &a, "PutProduct", ROLE_OPERATOR, "uid:0", arguments);
        assert_true(a.fault == FAULT_INVALID_ARGUMENT && streq(a.field, "id"));
        ask_now(w, &a, "CreateProduct", ROLE_OPERATOR, "uid:0",
                        json_of("{\"product\":{\"id\":\"shop\",\"x\":1}}"));
        assert_true(a.fault == FAULT_INVALID_ARGUMENT && streq(a.field, "x"));
        ask_now(w, &a, "CreateProduct", ROLE_OPERATOR, "uid:0", json_of("{\"product\":[]}"));
        assert_true(a.fault == FAULT_INVALID_ARGUMENT && streq(a.field, "product"));

        ask_now(w, &a, "CreateInstance", ROLE_OPERATOR, "uid:0",
                        json_of("{\"product_id\":\"shop\",\"client_name\":\"x\"}"));
        assert_int_equal(a.fault, FAULT_NONE);
        ask_now(w, &a, "DeleteProduct", ROLE_OPERATOR, "uid:0", json_named("id", "shop"));
        assert_int_equal(a.fault, FAULT_IN_USE);
        world_run(w);
        ask_delete(w, &a, world_id(w));
        world_run(w);
        ask_now(w, &a, "DeleteProduct", ROLE_OPERATOR, "uid:0", json_named("id", "shop"));
        assert_int_equal(a.fault, FAULT_NONE);
        assert_null(fake_ports_record(w->ports, STORE_PRODUCT, "shop"));
        ask_now(w, &a, "DeleteProduct", ROLE_OPERATOR, "uid:0", json_named("id", "shop"));
        assert_int_equal(a.fault, FAULT_NO_SUCH_PRODUCT);
        ask_now(w, &a, "GetProduct", ROLE_VISITOR, "addr:1", json_named("id", "shop"));
        assert_int_equal(a.fault, FAULT_NO_SUCH_PRODUCT);
        world_check(w);
        world_free(w);
}

/* Each way in which the store can fail a change: the caller is told, and what is shown is what is stored. */
static void test_catalogue_faults(void **state)
{
        for (FakeFault fault = FAKE_FINE; fault <= FAKE_STALLED; fault++)
                for (int going = 0; going < 3; going++) {
                        World *w = world_new();
                        _cleanup_ask_ Ask a = { 0 };
                        bool shown;

                        world_case("%s, %d", fake_fault_to_string(fault), going);
                        w->ports->plans[0] = (FakePlan){ w->ports->n_calls, fault };
                        ask(w, &a, "CreateProduct", ROLE_OPERATOR, "uid:0",
                                        json_of("{\"product\":{\"id\":\"shop\",\"name\":\"x\",\"image\":"
                                                "\"a\"}}"));
                        if (going == 1)
                                ask_drop(&a); /* the caller has gone; the change goes on */
                        else if (going == 2)
                                world_stop(w); /* so has the manager: nobody is called back */
                        if (going == 2)
                                world_start(w);
                        world_run(w);
                        shown = manager_get_product(w->manager, "shop") != NULL;
                        if (going == 0)
                                world_assert(w, (a.fault == FAULT_NONE) == shown &&
                                                                (shown || a.fault == FAULT_STORE_UNAVAILABLE));
                        if (fault == FAKE_FINE)
                                world_assert(w, shown);
                        world_assert(w, (fake_ports_record(w->ports, STORE_PRODUCT, "shop") != NULL) ==
                                                        shown);
                        ask_done(&a);
                        world_free(w);
                }
}

/* ---- Watches ---- */

typedef struct Watcher {
        ManagerWatch *watch, *other;
        unsigned n[MANAGER_CHANGED + 1];
        bool frees_itself, frees_other;
} Watcher;

static void on_event(ManagerEvent event, Instance *instance, Product *product, void *userdata)
{
        Watcher *watcher = userdata;

        watcher->n[event]++;
        assert_true((instance != NULL) == (event <= MANAGER_INSTANCE_REMOVED));
        assert_true((product != NULL) ==
                        (event >= MANAGER_PRODUCT_ADDED && event <= MANAGER_PRODUCT_REMOVED));
        if (watcher->frees_other)
                watcher->other = manager_watch_free(watcher->other);
        if (watcher->frees_itself)
                watcher->watch = manager_watch_free(watcher->watch);
}

static void test_watches(void **state)
{
        World *w = world_new();
        Watcher all = { 0 }, once = { .frees_itself = true }, killer = { .frees_other = true },
                victim = { 0 };
        _cleanup_ask_ Ask a = { 0 }, b = { 0 };

        /* In both orders, as the list has one. */
        assert_int_equal(manager_watch(w->manager, on_event, &all, &all.watch), 0);
        assert_int_equal(manager_watch(w->manager, on_event, &victim, &victim.watch), 0);
        assert_int_equal(manager_watch(w->manager, on_event, &once, &once.watch), 0);
        assert_int_equal(manager_watch(w->manager, on_event, &killer, &killer.watch), 0);
        killer.other = victim.watch;
        ask_create(w, &a, VARIANT_STRIP);
        world_run(w);
        assert_int_equal(once.n[MANAGER_INSTANCE_ADDED], 1);
        assert_int_equal(once.n[MANAGER_INSTANCE_CHANGED], 0);
        assert_int_equal(victim.n[MANAGER_INSTANCE_ADDED], 0);
        assert_int_equal(all.n[MANAGER_INSTANCE_ADDED], 1);
        assert_true(all.n[MANAGER_INSTANCE_CHANGED] >= 6);
        ask_delete(w, &a, world_id(w));
        ask_delete(w, &b, world_id(w));
        world_run(w);
        assert_int_equal(all.n[MANAGER_INSTANCE_REMOVED], 1);
        assert_int_equal(all.n[MANAGER_INSTANCE_ADDED], 1);
        fake_ports_lose(w->ports, FAKE_ENGINE, 10);
        world_run(w);
        assert_true(all.n[MANAGER_CHANGED] >= 2);
        /* Two deletions of one product at the same moment: it goes once. */
        ask(w, &a, "DeleteProduct", ROLE_OPERATOR, "uid:0", json_named("id", "p1"));
        ask(w, &b, "DeleteProduct", ROLE_OPERATOR, "uid:0", json_named("id", "p1"));
        world_run(w);
        assert_int_equal(all.n[MANAGER_PRODUCT_REMOVED], 1);
        manager_watch_free(all.watch);
        manager_watch_free(killer.watch);
        world_free(w);
}

/* ---- What the engine tells ---- */

static void tell(World *w, const char *event)
{
        w->ports->on_event(world_id(w), "app", event, w->ports->watcher[FAKE_ENGINE]);
        world_run(w);
}

static void test_containers_that_end(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        InstanceNames names;
        FakeResource *app, *database;

        instance_names(world_first(w), &names);
        app = fake_ports_find(w->ports, RESOURCE_CONTAINER, world_id(w));
        database = fake_ports_find(w->ports, RESOURCE_CONTAINER, names.database);
        app->restarting = database->restarting = true;
        tell(w, "die");
        assert_string_equal(world_status(w), "running");
        assert_non_null(strstr(world_first(w)->message, "restarted"));
        app->restarting = database->restarting = false;
        tell(w, "start");
        assert_string_equal(world_first(w)->message, "Ready");
        app->health = CONTAINER_HEALTH_UNHEALTHY;
        tell(w, "health_status: unhealthy");
        assert_non_null(strstr(world_first(w)->message, "unhealthy"));
        app->health = CONTAINER_HEALTH_HEALTHY;
        database->running = false;
        database->exit_code = 1;
        tell(w, "die");
        assert_string_equal(world_status(w), "failed");
        assert_string_equal(world_first(w)->error_step, "database");
        world_check(w);
        /* Started again by hand. */
        database->running = true;
        tell(w, "start");
        assert_string_equal(world_status(w), "running");
        world_check(w);
        /* Unknown instances, and events in a bunch. */
        w->ports->on_event("client_zzzzzzzzzzzz", "app", "die", w->ports->watcher[FAKE_ENGINE]);
        app->running = false;
        for (int i = 0; i < 5; i++)
                w->ports->on_event(world_id(w), "app", "die", w->ports->watcher[FAKE_ENGINE]);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        world_check(w);
        world_free(w);
}

/* What the store does not know is nobody's to remove; no more are strangers' things. */
static void test_unknown_things(void **state)
{
        static const char *const names[] = { "client_zzzzzzzzzzzz", "client_zzzzzzzzzzzz_net",
                "client_zzzzzzzzzzzz_db_data" };
        World *w = world_created(VARIANT_STRIP);
        UnknownInstance unknown = { 0 };
        StringPairs labels = { 0 };

        assert_int_equal(string_pairs_add(&labels, "network.ark.deployment", "d1"), 0);
        assert_int_equal(string_pairs_add(&labels, "network.ark.instance", names[0]), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                fake_resource_add(w->ports, fake_resource_new((ResourceKind) i, names[i], &labels));
        fake_ports_add_stranger(w->ports, RESOURCE_CONTAINER, "mine");
        string_pairs_done(&labels);
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_non_null(fake_ports_find(w->ports, RESOURCE_CONTAINER, "mine"));
        assert_string_equal(world_status(w), "running");
        assert_true(manager_next_unknown(w->manager, NULL, &unknown));
        assert_string_equal(unknown.id, names[0]);
        assert_non_null(strstr(unknown.problem, "is missing"));
        assert_false(manager_next_unknown(w->manager, names[0], &unknown));
        assert_null(manager_ownerless_volumes(w->manager)); /* the volume is that instance's */
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                FakeResource *r = fake_ports_find(w->ports, (ResourceKind) i, names[i]);

                assert_non_null(r);
                fake_resource_drop(w->ports, r);
        }
        world_check(w);
        world_free(w);
}

static void add_volume(World *w, const char *name, const char *instance)
{
        StringPairs labels = { 0 };

        assert_int_equal(string_pairs_add(&labels, "network.ark.deployment", "d1"), 0);
        assert_int_equal(string_pairs_add(&labels, "network.ark.instance", instance), 0);
        fake_resource_add(w->ports, fake_resource_new(RESOURCE_VOLUME, name, &labels));
        string_pairs_done(&labels);
}

static void assert_ownerless(World *w, const char *a, const char *b)
{
        char *const *names = manager_ownerless_volumes(w->manager);

        assert_int_equal(strv_length(names), (a != NULL) + (b != NULL));
        if (a)
                assert_string_equal(names[0], a);
        if (b)
                assert_string_equal(names[1], b);
}

/* Time passes, and what is done now and then is done. */
static void wait_for_upkeep(World *w)
{
        fake_clock_move(fake_clock_now() + USEC_PER_MINUTE);
        world_run(w);
}

static size_t count_lists(const World *w)
{
        size_t n = 0;

        for (char *const *line = w->ports->log; *line; line++)
                n += startswith(*line, "list_") != NULL;
        return n;
}

/* The list of ownerless volumes is true at the start, and comes to be so after each change by hand. */
static void test_ownerless_volumes(void **state)
{
        static const char *const ids[] = { "client_zzzzzzzzzzzz", "client_yyyyyyyyyyyy" };
        World *w = world_created(VARIANT_STRIP);
        Watcher watcher = { 0 };
        size_t calls;

        assert_ownerless(w, NULL, NULL);
        wait_for_upkeep(w); /* sizes are measured */
        calls = count_lists(w);
        wait_for_upkeep(w);
        assert_int_equal(count_lists(w), calls); /* without one there is nothing to look at again */
        add_volume(w, "zzz", ids[0]);
        add_volume(w, "damaged", ids[1]);
        fake_ports_put(w->ports, STORE_INSTANCE, ids[1], "{", 1);
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_ownerless(w, "zzz", NULL);
        assert_int_equal(manager_watch(w->manager, on_event, &watcher, &watcher.watch), 0);
        wait_for_upkeep(w);
        assert_int_equal(watcher.n[MANAGER_CHANGED], 0);
        add_volume(w, "aaa", ids[0]);
        wait_for_upkeep(w);
        assert_ownerless(w, "aaa", "zzz");
        assert_int_equal(watcher.n[MANAGER_CHANGED], 1);
        /* An engine that does not answer takes nothing from the list. */
        w->ports->failing = "list_";
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_VOLUME, "zzz"));
        wait_for_upkeep(w);
        assert_ownerless(w, "aaa", "zzz");
        w->ports->failing = NULL;
        wait_for_upkeep(w);
        assert_ownerless(w, "aaa", NULL);
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_VOLUME, "aaa"));
        fake_ports_lose(w->ports, FAKE_ENGINE, 10);
        world_run(w);
        assert_ownerless(w, NULL, NULL);
        assert_non_null(fake_ports_find(w->ports, RESOURCE_VOLUME, "damaged"));
        watcher.watch = manager_watch_free(watcher.watch);
        world_free(w);
}

static bool has_line(char *const *log, const char *prefix)
{
        for (; *log; log++)
                if (startswith(*log, prefix))
                        return true;
        return false;
}

/* They are looked at again also where it was time for it while something else was being removed. */
static void test_ownerless_volumes_while_busy(void **state)
{
        static const char id[] = "client_zzzzzzzzzzzz";
        World *w = world_created(VARIANT_STRIP);
        StringPairs labels = { 0 };
        size_t logged;

        deletion_mark(w->manager, id, now_realtime());
        add_volume(w, "zzz", id);
        assert_int_equal(string_pairs_add(&labels, "network.ark.deployment", "d1"), 0);
        assert_int_equal(string_pairs_add(&labels, "network.ark.instance", id), 0);
        fake_resource_add(w->ports, fake_resource_new(RESOURCE_NETWORK, "nobodys_net", &labels));
        string_pairs_done(&labels);
        world_stop(w);
        logged = strv_length(w->ports->log);
        world_start(w);
        /* What is asked once the list is under way takes its time: the removal is the last of it. */
        while (!has_line(w->ports->log + logged, "remove_network")) {
                if (has_line(w->ports->log + logged, "list_resources"))
                        w->ports->plans[0] = (FakePlan){ w->ports->n_calls, FAKE_TIMED_OUT };
                assert_true(fake_ports_step(w->ports));
        }
        assert_ownerless(w, "zzz", NULL);
        fake_clock_move(fake_clock_now() + 30 * USEC_PER_SEC);
        world_run(w);
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_VOLUME, "zzz"));
        wait_for_upkeep(w);
        assert_ownerless(w, NULL, NULL);
        world_free(w);
}

static void test_base_url(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };
        Watcher watcher = { 0 };
        const char *url = "https://apps.example";

        assert_int_equal(manager_watch(w->manager, on_event, &watcher, &watcher.watch), 0);
        assert_string_equal(manager_base_url(w->manager), w->settings.base_url);
        assert_int_equal(manager_set_base_url(w->manager, w->settings.base_url), 0);
        assert_int_equal(watcher.n[MANAGER_CHANGED], 0);
        assert_int_equal(manager_set_base_url(w->manager, url), 0);
        assert_int_equal(watcher.n[MANAGER_CHANGED], 1);
        assert_string_equal(manager_base_url(w->manager), url);
        ask_create(w, &a, VARIANT_STRIP);
        world_run(w);
        assert_non_null(startswith(world_first(w)->access_url, url));
        watcher.watch = manager_watch_free(watcher.watch);
        world_free(w);
}

/* ---- Records ---- */

static void test_damaged(void **state)
{
        static const char *const texts[] = { "", "{", "null", "[]", "{}", "\"x\"",
                "{\"id\":\"client_aaaaaaaaaaaa\"}" };
        World *w = world_created(VARIANT_STRIP);

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                for (StoreKind kind = 0; kind < STORE_IDEMPOTENCY; kind++) {
                        char id[64];

                        (void) snprintf(id, sizeof id, "client_aaaaaaaaaaa%c", 'a' + (int) i);
                        fake_ports_put(w->ports, kind, id, texts[i], i + 100);
                }
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_int_equal(manager_count_instances(w->manager), 1);
        assert_string_equal(world_status(w), "running");
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                char id[64];

                (void) snprintf(id, sizeof id, "client_aaaaaaaaaaa%c", 'a' + (int) i);
                assert_null(manager_get_instance(w->manager, id));
                assert_null(manager_get_product(w->manager, id));
        }
        world_free(w);
}

static void add_container(World *w, const char *deployment, const char *instance_id)
{
        StringPairs labels = { 0 };

        assert_int_equal(string_pairs_add(&labels, "network.ark.deployment", deployment), 0);
        assert_int_equal(string_pairs_add(&labels, "network.ark.instance", instance_id), 0);
        fake_resource_add(w->ports, fake_resource_new(RESOURCE_CONTAINER, instance_id, &labels));
        string_pairs_done(&labels);
}

/* What cannot be read of an instance, its record or all but its secrets, is no reason to take away what it runs. */
static void test_damaged_is_left_alone(void **state)
{
        static const char *const instances[] = { "", "{", "null", "[]", "{}", "\"x\"", NULL };
        World *w = world_created(VARIANT_STRIP);

        for (size_t i = 0; i < ELEMENTSOF(instances); i++) {
                char id[64];

                (void) snprintf(id, sizeof id, "client_aaaaaaaaaaa%c", 'a' + (int) i);
                add_container(w, "d1", id);
                if (instances[i])
                        fake_ports_put(w->ports, STORE_INSTANCE, id, instances[i], i + 100);
                else
                        fake_ports_put(w->ports, STORE_SECRET, id, "{}", 0);
        }
        deletion_mark(w->manager, "client_zzzzzzzzzzzz", now_realtime());
        add_container(w, "d1", "client_zzzzzzzzzzzz");
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_null(fake_ports_find(w->ports, RESOURCE_CONTAINER, "client_zzzzzzzzzzzz"));
        for (size_t i = 0; i < ELEMENTSOF(instances); i++) {
                char id[64];

                (void) snprintf(id, sizeof id, "client_aaaaaaaaaaa%c", 'a' + (int) i);
                assert_non_null(fake_ports_find(w->ports, RESOURCE_CONTAINER, id));
        }
        world_free(w);
}

/* A store that has never been this deployment's knows nothing of what runs: it was emptied, or is another one. */
static void test_new_store_removes_nothing(void **state)
{
        World *w = world_new();

        world_stop(w);
        w->settings.deployment = "d2";
        add_container(w, "d2", "client_zzzzzzzzzzzz");
        world_start(w);
        world_run(w);
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_non_null(fake_ports_find(w->ports, RESOURCE_CONTAINER, "client_zzzzzzzzzzzz"));
        assert_null(fake_ports_record(w->ports, STORE_MARK, "d2"));
        /* Once they agree, it is believed. */
        fake_resource_drop(w->ports, fake_ports_find(w->ports, RESOURCE_CONTAINER, "client_zzzzzzzzzzzz"));
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_non_null(fake_ports_record(w->ports, STORE_MARK, "d2"));
        world_free(w);
}

/* Tombstones go, in memory as in the store. */
static void test_old_records(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        char id[64];

        (void) snprintf(id, sizeof id, "%s", world_id(w));
        ask_delete(w, &a, id);
        world_run(w);
        ask_now(w, &a, "GetInstance", ROLE_OPERATOR, "uid:0", json_named("id", id));
        assert_int_equal(a.fault, FAULT_NONE);
        fake_clock_move(fake_clock_now() + 30 * USEC_PER_DAY + USEC_PER_HOUR);
        assert_null(fake_ports_record(w->ports, STORE_INSTANCE, id));
        ask_create(w, &a, VARIANT_ALONE);
        world_run(w);
        assert_null(manager_get_instance(w->manager, id));
        world_check(w);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_catalogue),
                cmocka_unit_test(test_catalogue_faults),
                cmocka_unit_test(test_watches),
                cmocka_unit_test(test_containers_that_end),
                cmocka_unit_test(test_unknown_things),
                cmocka_unit_test(test_ownerless_volumes),
                cmocka_unit_test(test_ownerless_volumes_while_busy),
                cmocka_unit_test(test_base_url),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_damaged_is_left_alone),
                cmocka_unit_test(test_new_store_removes_nothing),
                cmocka_unit_test(test_old_records),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
