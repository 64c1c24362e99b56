/* SPDX-License-Identifier: MIT */

/* A store that is an older copy has jobs that are long past: none of them takes anything away. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/manager.h"
#include "core/model/address-pool.h"
#include "core/model/instance.h"
#include "core/model/user-range.h"
#include "core/ports.h"
#include "core/recovery/generation.h"
#include "core/recovery/unknown.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/spec/compose-file.h"
#include "core/steps/create.h"
#include "core/upkeep/sweep.h"
#include "core/verbs/request.h"
#include "core/verbs/users.h"
#include "core_fixture.h"
#include "fake_clock.h"

/* More than any create takes. */
#define MOMENTS_MAX 200

static void put_back(World *w, FakeRecord *copy)
{
        world_stop(w);
        fake_ports_empty_store(w->ports);
        w->ports->records = copy;
        world_start(w);
        world_run(w);
}

static void restart(World *w)
{
        world_stop(w);
        world_start(w);
        world_run(w);
}

static StoreCondition condition_of(World *w)
{
        StoreCondition c;

        manager_get_store_condition(w->manager, &c);
        return c;
}

static FakeResource *find(World *w, ResourceKind kind, const char *id, const char *suffix)
{
        _cleanup_free_ char *name = str_printf("%s%s", id, suffix);

        return fake_ports_find(w->ports, kind, name);
}

/* By their serials, things are the same; and what is in the volume. */
typedef struct Things {
        unsigned app, database, volume;
} Things;

static unsigned serial_of(World *w, ResourceKind kind, const char *id, const char *suffix, bool runs)
{
        const FakeResource *r = find(w, kind, id, suffix);

        world_assert(w, r && (!runs || r->running));
        return r->serial;
}

static Things things_of(World *w, const char *id)
{
        return (Things){ serial_of(w, RESOURCE_CONTAINER, id, "", true),
                serial_of(w, RESOURCE_CONTAINER, id, "_db", true),
                serial_of(w, RESOURCE_VOLUME, id, "_db_data", false) };
}

static void assert_untouched(World *w, const char *id, const Things *before)
{
        Things now = things_of(w, id);

        world_assert(w, now.app == before->app && now.database == before->database &&
                                        now.volume == before->volume);
        for (char **l = w->ports->log; l && *l; l++)
                world_assert(w, !startswith(*l, "remove_") && !startswith(*l, "clear_"));
}

static void forget_log(World *w)
{
        w->ports->log = strv_free(w->ports->log);
}

static void adopt(World *w, const char *id)
{
        _cleanup_ask_ Ask a = { 0 };

        ask_now(w, &a, "AdoptInstance", ROLE_OPERATOR, "uid:0", json_named("id", id));
        world_assert(w, a.fault == FAULT_NONE);
        world_run(w);
}

static void assert_told(World *w, const char *id)
{
        UnknownInstance unknown = { 0 };

        world_assert(w, manager_next_unknown(w->manager, NULL, &unknown));
        world_assert(w, streq(unknown.id, id));
        world_assert(w, !unknown.problem);
        world_assert(w, unknown_route(w->manager, id));
        world_assert(w, condition_of(w).found < condition_of(w).expected && !condition_of(w).settled);
}

/* From the older copy on: it stays as it is however often arkd is started, and is taken back. */
static void assert_survives(World *w, const char *id, const Things *before)
{
        for (int n = 0; n < 12; n++) {
                assert_untouched(w, id, before);
                assert_told(w, id);
                /* As many changes as it lacks: it is not believed for that. */
                if (n > 0)
                        fake_ports_put(w->ports, STORE_GENERATION, "d1", "100000", 0);
                restart(w);
        }
        adopt(w, id);
        assert_untouched(w, id, before);
        world_assert(w, manager_get_instance(w->manager, id)->status == INSTANCE_RUNNING);
        world_assert(w, condition_of(w).settled);
        restart(w);
        assert_untouched(w, id, before);
        world_check(w);
        world_assert(w, condition_of(w).expected == 0);
}

/* ---- Copies of a deploy ---- */

/* Answers whether there is such a moment. */
static bool try_create(size_t moment, Variant variant, bool without_job)
{
        World *w = world_new();
        _cleanup_free_ char *id = NULL;
        _cleanup_ask_ Ask a = { 0 };
        FakeRecord *copy;
        Things before;
        bool more;

        world_run(w);
        world_case("a copy after step %zu of a create%s", moment, without_job ? ", without its job" : "");
        ask_create(w, &a, variant);
        while (fake_ports_count(w->ports, STORE_JOB) == 0)
                assert_true(fake_ports_step(w->ports));
        for (size_t n = 0; n < moment && fake_ports_step(w->ports); n++)
                ;
        copy = fake_ports_copy_records(w->ports);
        world_run(w);
        id = strdup(world_id(w));
        world_assert(w, streq(world_status(w), "running"));
        more = false;
        for (FakeRecord **r = &copy; *r;) {
                FakeRecord *record = *r;

                more = more || record->kind == STORE_JOB;
                if (record->kind == STORE_JOB && without_job) {
                        *r = record->next;
                        fake_record_free(record);
                } else
                        r = &record->next;
        }
        before = things_of(w, id);
        forget_log(w);
        put_back(w, copy);
        if (more)
                assert_survives(w, id, &before);
        world_free(w);
        return more;
}

static size_t try_creates(Variant variant, bool without_job)
{
        size_t moment = 0;

        while (moment < MOMENTS_MAX && try_create(moment, variant, without_job))
                moment++;
        assert_true(moment < MOMENTS_MAX);
        return moment;
}

static void test_copies_of_create(void **state)
{
        assert_true(try_creates(VARIANT_STRIP, false) > create_plan.n_steps);
        assert_true(try_creates(VARIANT_EAGER_KEEP, false) > create_plan.n_steps);
}

static void test_copies_of_create_without_job(void **state)
{
        assert_true(try_creates(VARIANT_STRIP, true) > create_plan.n_steps);
}

/* The way that only the records of a failing create went: what it left behind is in use by now. */
static void test_copy_of_left_behind(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *text = NULL;
        _cleanup_json_ struct json_object *record = NULL;
        struct json_object *timeline = NULL;
        Things before = things_of(w, id);
        FakeRecord *copy;

        world_case("a copy of what a create had left behind");
        copy = fake_ports_copy_records(w->ports);
        for (FakeRecord *r = copy; r; r = r->next)
                if (r->kind == STORE_INSTANCE) {
                        record = json_of(r->text);
                        timeline = json_get(record, "timeline");
                        json_object_object_del(timeline, "ready");
                        assert_int_equal(json_set_string(record, "status", "failed"), 0);
                        text = strdup(json_text(record));
                        free(r->text);
                        r->text = TAKE_PTR(text);
                } else if (r->kind == STORE_GENERATION) {
                        free(r->text);
                        r->text = strdup("1");
                }
        forget_log(w);
        put_back(w, copy);
        assert_survives(w, id, &before);
        world_free(w);
}

/* A create of which nothing was made yet goes on: it loses nothing. */
static void test_create_that_never_began(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *other = strdup(world_id(w)), *id = NULL;
        _cleanup_ask_ Ask a = { 0 };
        FakeRecord *copy;
        Instance *i;

        ask_create(w, &a, VARIANT_STRIP);
        while (fake_ports_count(w->ports, STORE_JOB) == 0)
                assert_true(fake_ports_step(w->ports));
        copy = fake_ports_copy_records(w->ports);
        world_run(w);
        id = strdup(ask_id(&a));
        fake_ports_put(w->ports, STORE_PRODUCT, "later", "{}", 9);
        /* It failed since, and nothing of it was left. */
        ask_delete(w, &a, id);
        world_run(w);
        {
                _cleanup_free_ char *mark = str_printf("%s/deleted.%s", w->compose_dir, id);

                assert_int_equal(unlink(mark), 0);
        }
        put_back(w, copy);
        i = manager_get_instance(w->manager, id);
        world_assert(w, i && i->status == INSTANCE_RUNNING);
        world_assert(w, condition_of(w).settled);
        world_assert(w, manager_get_instance(w->manager, other)->status == INSTANCE_RUNNING);
        world_check(w);
        world_free(w);
}

/* What its record says that it has is kept for it, though its file cannot be read. */
static void test_what_is_kept_for_it(void **state)
{
        World *w = world_new();
        _cleanup_free_ char *path = NULL, *subnet = NULL;
        _cleanup_ask_ Ask a = { 0 };
        FakeRecord *copy;
        uint32_t uid;

        world_run(w);
        ask_create(w, &a, VARIANT_STRIP);
        while (fake_ports_count(w->ports, STORE_JOB) == 0)
                assert_true(fake_ports_step(w->ports));
        copy = fake_ports_copy_records(w->ports);
        world_run(w);
        subnet = strdup(world_first(w)->subnet);
        path = compose_path(w->compose_dir, world_id(w));
        assert_int_equal(write_file_atomic(path, "{", 0600), 0);
        for (FakeRecord *r = copy; r; r = r->next)
                if (r->kind == STORE_INSTANCE) {
                        _cleanup_json_ struct json_object *record = json_of(r->text);

                        assert_int_equal(json_set_u64(record, "uid", 20001), 0);
                        free(r->text);
                        r->text = strdup(json_text(record));
                }
        w->settings.users = (UserRange){ .first = 20001, .last = 20002 };
        put_back(w, copy);
        assert_null(world_id(w));
        world_assert(w, address_pool_reserve_subnet(w->manager->addresses, subnet) == -EEXIST);
        assert_int_equal(manager_take_uid(w->manager, &uid), 0);
        assert_int_equal(uid, 20002);
        world_free(w);
}

/* Its file is gone, but not its data: nothing is done until its operator deletes it. */
static void test_create_without_file(void **state)
{
        static const char *const kept[] = { "", "_db", "_db_data" };

        for (size_t k = 0; k < ELEMENTSOF(kept); k++) {
                World *w = world_new();
                _cleanup_free_ char *id = NULL, *path = NULL;
                _cleanup_ask_ Ask a = { 0 };
                FakeRecord *copy;
                FakeResource *next;

                world_case("what is there is %s", kept[k]);
                world_run(w);
                ask_create(w, &a, VARIANT_STRIP);
                while (fake_ports_count(w->ports, STORE_JOB) == 0)
                        assert_true(fake_ports_step(w->ports));
                copy = fake_ports_copy_records(w->ports);
                world_run(w);
                id = strdup(world_id(w));
                path = compose_path(w->compose_dir, id);
                assert_int_equal(unlink(path), 0);
                world_stop(w);
                for (FakeResource *r = w->ports->resources; r; r = next) {
                        next = r->next;
                        if (startswith(r->name, id) && !streq(r->name + strlen(id), kept[k]))
                                fake_resource_drop(w->ports, r);
                }
                forget_log(w);
                put_back(w, copy);
                for (int n = 0; n < 3; n++) {
                        world_assert(w, find(w, RESOURCE_CONTAINER, id, kept[k]) ||
                                                        find(w, RESOURCE_VOLUME, id, kept[k]));
                        world_assert(w, !condition_of(w).settled);
                        world_assert(w, strstr(manager_get_instance(w->manager, id)->message, "older copy"));
                        restart(w);
                }
                ask_delete(w, &a, id);
                world_run(w);
                world_assert(w, a.fault == FAULT_NONE);
                world_assert(w, !find(w, RESOURCE_VOLUME, id, "_db_data"));
                sweep_run(w->manager);
                world_run(w);
                world_assert(w, condition_of(w).settled);
                world_check(w);
                world_free(w);
        }
}

/* ---- Copies of a delete and a restart ---- */

/* A record of then as another job left it. */
static FakeRecord *copy_with_job(World *w, const char *id, const char *kind)
{
        FakeRecord *copy = fake_ports_copy_records(w->ports), *job = new0(FakeRecord, 1);

        assert_non_null(job);
        *job = (FakeRecord){ .kind = STORE_JOB,
                .id = str_printf("%s.%s", id, kind),
                .text = str_printf("{\"id\":\"%s.%s\",\"kind\":\"%s\",\"instance\":\"%s\"}", id, kind, kind,
                                id),
                .next = copy };
        return job;
}

static void make_change(World *w)
{
        struct json_object *arguments = json_named("id", world_id(w));
        _cleanup_ask_ Ask a = { 0 };

        assert_int_equal(json_set_u64(arguments, "expires_usec", UINT64_MAX), 0);
        ask_now(w, &a, "SetExpiry", ROLE_OPERATOR, "uid:0", arguments);
        assert_int_equal(a.fault, FAULT_NONE);
        world_run(w);
}

/* The delete failed, the instance was restarted and is in use. */
static void test_copy_of_delete(void **state)
{
        for (int deleting = 0; deleting < 2; deleting++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_free_ char *id = strdup(world_id(w));
                FakeRecord *copy = copy_with_job(w, id, "delete");
                Things before;

                world_case("a copy of a delete");
                for (FakeRecord *r = copy; r; r = r->next)
                        if (deleting && r->kind == STORE_INSTANCE) {
                                _cleanup_json_ struct json_object *record = json_of(r->text);

                                assert_int_equal(json_set_string(record, "status", "deleting"), 0);
                                free(r->text);
                                r->text = strdup(json_text(record));
                        }
                make_change(w);
                before = things_of(w, id);
                forget_log(w);
                put_back(w, copy);
                if (deleting)
                        assert_survives(w, id, &before);
                else
                        restart(w);
                assert_untouched(w, id, &before);
                world_assert(w, streq(world_status(w), "running"));
                world_check(w);
                world_free(w);
        }
}

/* The store does not take its job out at once: that it is adopted does. */
static void test_adopt_ends_jobs(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *key = str_printf("%s.delete", id);
        FakeRecord *copy = copy_with_job(w, id, "delete");
        Things before = things_of(w, id);

        world_case("a delete that stays in the store");
        make_change(w);
        w->ports->failing = "commit delete job";
        forget_log(w);
        put_back(w, copy);
        assert_non_null(fake_ports_record(w->ports, STORE_JOB, key));
        adopt(w, id);
        assert_null(fake_ports_record(w->ports, STORE_JOB, key));
        w->ports->failing = NULL;
        restart(w);
        assert_untouched(w, id, &before);
        world_check(w);
        world_free(w);
}

/* One that came to its end is brought to it again. */
static void test_copy_of_delete_that_ended(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w));
        _cleanup_ask_ Ask a = { 0 };
        FakeRecord *copy;

        ask_delete(w, &a, id);
        while (fake_ports_count(w->ports, STORE_JOB) == 0)
                assert_true(fake_ports_step(w->ports));
        copy = fake_ports_copy_records(w->ports);
        world_run(w);
        put_back(w, copy);
        world_assert(w, streq(world_status(w), "deleted"));
        world_check(w);
        world_free(w);
}

static void test_copy_of_restart(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w));
        FakeRecord *copy = copy_with_job(w, id, "restart");
        Things before = things_of(w, id);

        world_case("a copy of a restart");
        make_change(w);
        forget_log(w);
        put_back(w, copy);
        assert_untouched(w, id, &before);
        for (char **l = w->ports->log; *l; l++)
                world_assert(w, !strstr(*l, "stop_") && !strstr(*l, "start_"));
        world_assert(w, streq(world_status(w), "running"));
        world_assert(w, condition_of(w).settled);
        world_check(w);
        world_free(w);
}

/* ---- A copy that is put under a running arkd ---- */

static void read_generation(World *w)
{
        const char *text = fake_ports_record(w->ports, STORE_GENERATION, "d1");

        w->ports->on_generation(text ? strtoull(text, NULL, 10) : 0, false, w->ports->watcher[FAKE_STORE]);
}

static void test_jobs_at_run_time(void **state)
{
        static const char *const kinds[] = { "create", "delete", "restart" };

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_free_ char *id = strdup(world_id(w));
                FakeRecord *copy = copy_with_job(w, id, kinds[k]);
                Things before = things_of(w, id);

                world_case("a copy with a %s while arkd runs", kinds[k]);
                make_change(w);
                fake_ports_empty_store(w->ports);
                w->ports->records = copy;
                forget_log(w);
                read_generation(w);
                world_run(w);
                world_assert(w, fake_ports_count(w->ports, STORE_JOB) == 0);
                assert_untouched(w, id, &before);
                world_check(w);
                assert_untouched(w, id, &before);
                world_free(w);
        }
}

/* The job of a newer version is not arkd's to take out, nor one that is under way. */
static void test_jobs_that_stay_at_run_time(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *newer = str_printf("%s.migrate", id);
        FakeRecord *copy = copy_with_job(w, id, "migrate");
        _cleanup_ask_ Ask a = { 0 };

        make_change(w);
        ask_delete(w, &a, id);
        while (fake_ports_count(w->ports, STORE_JOB) == 0)
                assert_true(fake_ports_step(w->ports));
        fake_ports_empty_store(w->ports);
        w->ports->records = copy;
        read_generation(w);
        world_run(w);
        assert_int_equal(a.fault, FAULT_NONE);
        assert_non_null(fake_ports_record(w->ports, STORE_JOB, newer));
        assert_int_equal(fake_ports_count(w->ports, STORE_JOB), 1);
        world_free(w);
}

/* ---- Cleanup ---- */

static void ask_cleanup(World *w, Ask *a, bool aged)
{
        struct json_object *arguments = json_object_new_object();

        assert_int_equal(json_set_u64(arguments, "max_age_usec", aged ? 1 : UINT64_MAX), 0);
        assert_int_equal(json_set_bool(arguments, "dry_run", false), 0);
        ask(w, a, "Cleanup", ROLE_OPERATOR, "uid:0", arguments);
}

static void start_with_cleanup(World *w, Ask *a, bool aged)
{
        assert_int_equal(manager_new(w->event, &w->settings, &w->ports->engine, &w->ports->store,
                                         &w->ports->probe, &w->manager),
                        0);
        assert_int_equal(manager_start(w->manager), 0);
        ask_cleanup(w, a, aged);
        world_run(w);
        world_assert(w, a->answered);
}

/* Past its old expiry, but kept since: the cleanup that has arkd started comes before the compose files are read. */
static void test_cleanup_of_older_store(void **state)
{
        for (int aged = 0; aged < 2; aged++) {
                World *w = world_created(VARIANT_STRIP);
                FakeRecord *copy = fake_ports_copy_records(w->ports);
                _cleanup_ask_ Ask a = { 0 };

                world_case("cleanup%s with an older store", aged ? " by age" : "");
                make_change(w);
                world_stop(w);
                fake_ports_empty_store(w->ports);
                w->ports->records = copy;
                fake_clock_move(3650 * USEC_PER_DAY);
                start_with_cleanup(w, &a, aged);
                world_assert(w, a.answered && a.fault == FAULT_CONFLICT);
                world_assert(w, strstr(a.reason, "older copy") && strstr(a.reason, "adopt"));
                world_assert(w, streq(world_status(w), "running") && world_first(w)->kept);

                /* The files have been compared, and nothing is unknown. */
                world_assert(w, condition_of(w).settled);
                ask_done(&a);
                ask_cleanup(w, &a, aged);
                world_run(w);
                world_assert(w, a.fault == FAULT_NONE);
                world_assert(w, streq(world_status(w), "running"));
                world_check(w);
                world_free(w);
        }
}

/* arkd dies at any moment until the store knows who is kept. */
static void test_cleanup_after_death(void **state)
{
        for (size_t moment = 0; moment < 24; moment++) {
                World *w = world_created(VARIANT_STRIP);
                FakeRecord *copy = fake_ports_copy_records(w->ports);
                _cleanup_ask_ Ask a = { 0 };

                world_case("death after step %zu with an older store", moment);
                make_change(w);
                world_stop(w);
                fake_ports_empty_store(w->ports);
                w->ports->records = copy;
                fake_clock_move(3650 * USEC_PER_DAY);
                world_start(w);
                for (size_t n = 0; n < moment && fake_ports_step(w->ports); n++)
                        ;
                fake_ports_crash(w->ports, false);
                w->manager = manager_free(w->manager);
                fake_ports_crashed(w->ports);
                start_with_cleanup(w, &a, false);
                world_assert(w, streq(world_status(w), "running") && world_first(w)->kept);
                world_check(w);
                world_free(w);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_copies_of_create),
                cmocka_unit_test(test_copies_of_create_without_job),
                cmocka_unit_test(test_copy_of_left_behind),
                cmocka_unit_test(test_create_that_never_began),
                cmocka_unit_test(test_what_is_kept_for_it),
                cmocka_unit_test(test_create_without_file),
                cmocka_unit_test(test_copy_of_delete),
                cmocka_unit_test(test_adopt_ends_jobs),
                cmocka_unit_test(test_copy_of_delete_that_ended),
                cmocka_unit_test(test_copy_of_restart),
                cmocka_unit_test(test_jobs_at_run_time),
                cmocka_unit_test(test_jobs_that_stay_at_run_time),
                cmocka_unit_test(test_cleanup_of_older_store),
                cmocka_unit_test(test_cleanup_after_death),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
