/* SPDX-License-Identifier: MIT */

/* A store that is an older copy, or was emptied: nothing is destroyed, and all can be taken back. */

#include <stdio.h>
#include <unistd.h>

#include "basic/file-util.h"
#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/recovery/generation.h"
#include "core/recovery/unknown.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"
#include "core/registry/state.h"
#include "core/spec/archive.h"
#include "core/spec/compose-file.h"
#include "core/spec/compose-read.h"
#include "core/upkeep/compose-files.h"
#include "core/upkeep/sweep.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

/* ---- Copies of the store ---- */

static void put_back(World *w, FakeRecord *copy)
{
        world_stop(w);
        fake_ports_empty_store(w->ports);
        w->ports->records = copy;
        world_start(w);
        world_run(w);
}

static StoreCondition condition_of(World *w)
{
        StoreCondition c;

        manager_get_store_condition(w->manager, &c);
        return c;
}

static void assert_whole(World *w, const char *id)
{
        static const struct {
                ResourceKind kind;
                const char *suffix;
        } things[] = { { RESOURCE_CONTAINER, "" }, { RESOURCE_CONTAINER, "_db" },
                { RESOURCE_NETWORK, "_net" }, { RESOURCE_VOLUME, "_db_data" } };

        for (size_t i = 0; i < ELEMENTSOF(things); i++) {
                _cleanup_free_ char *name = str_printf("%s%s", id, things[i].suffix);
                const FakeResource *r = fake_ports_find(w->ports, things[i].kind, name);

                world_assert(w, r && (r->kind != RESOURCE_CONTAINER || r->running));
        }
}

static void adopt(World *w, Ask *a, const char *id)
{
        ask_done(a);
        *a = (Ask){ 0 };
        ask_now(w, a, "AdoptInstance", ROLE_OPERATOR, "uid:0", json_named("id", id));
}

static char *make_another(World *w)
{
        _cleanup_ask_ Ask a = { 0 };
        char *id;

        ask_create(w, &a, VARIANT_KEEP);
        world_run(w);
        id = strdup(ask_id(&a));
        assert_non_null(id);
        assert_string_equal(
                        instance_status_to_string(manager_get_instance(w->manager, id)->status), "running");
        return id;
}

/* ---- An older store ---- */

static void test_older_store(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        FakeRecord *copy = fake_ports_copy_records(w->ports);
        _cleanup_free_ char *id = make_another(w), *third = NULL;
        _cleanup_json_ struct json_object *before = NULL, *after = NULL;
        _cleanup_ask_ Ask a = { 0 };
        UnknownInstance unknown = { 0 };
        Instance *i;

        before = instance_secrets_to_json(manager_get_instance(w->manager, id));
        put_back(w, copy);

        /* All of it is there, and reported; the next start says the same. */
        for (int n = 0; n < 2; n++) {
                assert_whole(w, id);
                assert_null(manager_get_instance(w->manager, id));
                assert_true(condition_of(w).found < condition_of(w).expected && !condition_of(w).settled);
                unknown = (UnknownInstance){ 0 };
                assert_true(manager_next_unknown(w->manager, NULL, &unknown));
                assert_string_equal(unknown.id, id);
                assert_string_equal(unknown.client_name, "Acme");
                assert_null(unknown.problem);
                assert_non_null(unknown_route(w->manager, id));
                world_stop(w);
                world_start(w);
                world_run(w);
        }

        /* Its addresses are not given to others. */
        third = make_another(w);
        assert_whole(w, id);

        adopt(w, &a, id);
        assert_int_equal(a.fault, FAULT_NONE);
        world_run(w);
        i = manager_get_instance(w->manager, id);
        assert_non_null(i);
        assert_string_equal(instance_status_to_string(i->status), "running");
        assert_string_equal(i->client_name, "Acme");
        assert_non_null(i->upstream);
        after = instance_secrets_to_json(i);
        assert_string_equal(json_text(json_get(before, "secrets")), json_text(json_get(after, "secrets")));
        assert_string_equal(json_text(json_get(before, "credentials")),
                        json_text(json_get(after, "credentials")));
        assert_string_equal(json_text(json_get(before, "database_password")),
                        json_text(json_get(after, "database_password")));
        assert_string_equal(json_text(json_get(before, "product")), json_text(json_get(after, "product")));
        assert_false(manager_next_unknown(w->manager, NULL, &unknown));
        assert_true(condition_of(w).settled);

        /* Again: nothing changes. Then it can be deleted as any other. */
        adopt(w, &a, id);
        assert_int_equal(a.fault, FAULT_NONE);
        ask_delete(w, &a, id);
        world_run(w);
        assert_int_equal(a.fault, FAULT_NONE);
        for (const FakeResource *r = w->ports->resources; r; r = r->next)
                assert_null(strstr(r->name, id));
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_int_equal(condition_of(w).expected, 0);
        world_free(w);
}

/* What was given to its creator still opens it, though only the digest is kept. */
static void test_access_token_of_adopted(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        FakeRecord *copy = fake_ports_copy_records(w->ports);
        _cleanup_free_ char *id = make_another(w), *token = NULL;
        static const char *const others[] = { "", "wrong" };
        _cleanup_ask_ Ask a = { 0 };

        token = strdup(manager_get_instance(w->manager, id)->access_token);
        put_back(w, copy);
        adopt(w, &a, id);
        world_run(w);
        world_stop(w);
        world_start(w);
        world_run(w);
        for (size_t k = 0; k <= ELEMENTSOF(others); k++) {
                struct json_object *arguments = json_named("id", id);
                const char *given = k < ELEMENTSOF(others) ? others[k] : token;

                assert_int_equal(json_set_string(arguments, "access_token", given), 0);
                ask_done(&a);
                a = (Ask){ 0 };
                ask_now(w, &a, "GetAccess", ROLE_VISITOR, "visitor", arguments);
                assert_int_equal(a.fault, k < ELEMENTSOF(others) ? FAULT_UNAUTHENTICATED : FAULT_NONE);
        }
        world_free(w);
}

/* An older store does not bring back what was deleted. */
static void test_deleted_stays_deleted(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        FakeRecord *copy = fake_ports_copy_records(w->ports);
        _cleanup_free_ char *id = strdup(world_id(w));

        world_delete(w);
        for (int n = 0; n < 2; n++) {
                put_back(w, n == 0 ? copy : fake_ports_copy_records(w->ports));
                world_assert(w, strcmp(world_status(w), "deleted") == 0);
                world_assert(w, !fake_ports_find(w->ports, RESOURCE_CONTAINER, id));
                world_assert(w, !fake_ports_record(w->ports, STORE_SECRET, id));
                world_assert(w, strstr(fake_ports_record(w->ports, STORE_INSTANCE, id), "\"deleted\""));
        }
        world_check(w);
        world_free(w);
}

/* The mark is made again where a power cut took it, as long as the record is there. */
static void test_mark_is_made_again(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *path = str_printf("%s/deleted.%s", w->compose_dir, world_id(w));

        world_delete(w);
        assert_int_equal(unlink(path), 0);
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_int_equal(access(path, F_OK), 0);
        world_free(w);
}

/* The file is newer than an older store, and older than none. */
static void test_expiry_of_older_store(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        FakeRecord *copy = fake_ports_copy_records(w->ports);
        struct json_object *arguments = json_named("id", world_id(w));
        _cleanup_ask_ Ask a = { 0 };

        assert_int_equal(json_set_u64(arguments, "expires_usec", UINT64_MAX), 0);
        ask_now(w, &a, "SetExpiry", ROLE_OPERATOR, "uid:0", arguments);
        world_run(w);
        put_back(w, copy);
        assert_true(world_first(w)->expires_usec == UINT64_MAX && world_first(w)->kept);
        assert_non_null(strstr(fake_ports_record(w->ports, STORE_INSTANCE, world_id(w)), "\"kept\":true"));
        world_check(w);
        world_free(w);
}

/* ---- What cannot be adopted, and what needs more ---- */

static void assert_refused(World *w, const char *id, Fault fault, const char *words)
{
        _cleanup_ask_ Ask a = { 0 };

        adopt(w, &a, id);
        world_assert(w, a.fault == fault);
        world_assert(w, strstr(a.reason, words));
}

static void test_what_cannot_be_adopted(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *path = compose_path(w->compose_dir, id),
                            *text = NULL, *older = NULL;

        assert_refused(w, "client_zzzzzzzzzzzz", FAULT_NO_SUCH_INSTANCE, "no instance");
        assert_int_equal(read_file(path, 100000, &text, NULL), 0);
        older = strndup(text, (size_t) (strstr(text, "\nx-ark") + 1 - text));
        put_back(w, NULL);
        assert_whole(w, id);
        assert_int_equal(write_file_atomic(path, older, 0600), 0);
        world_stop(w);
        world_start(w);
        world_run(w);
        assert_refused(w, id, FAULT_CONFLICT, "older arkd");
        assert_int_equal(write_file_atomic(path, "{", 0600), 0);
        sweep_run(w->manager);
        world_run(w);
        assert_refused(w, id, FAULT_CONFLICT, "cannot be read");
        assert_int_equal(unlink(path), 0);
        sweep_run(w->manager);
        world_run(w);
        assert_refused(w, id, FAULT_CONFLICT, "is missing");
        assert_whole(w, id);

        /* Restored, it can be, without a restart. The product is there again, too. */
        assert_int_equal(write_file_atomic(path, text, 0600), 0);
        sweep_run(w->manager);
        world_run(w);
        {
                _cleanup_ask_ Ask a = { 0 };

                adopt(w, &a, id);
                assert_int_equal(a.fault, FAULT_NONE);
        }
        world_run(w);
        assert_non_null(manager_get_product(w->manager, "p0"));
        assert_non_null(fake_ports_record(w->ports, STORE_PRODUCT, "p0"));
        world_delete(w);
        assert_refused(w, id, FAULT_NO_SUCH_INSTANCE, "deleted");
        world_free(w);
}

/* Containers that do not run are restarted, and what is missing is made again. */
static void test_adopt_stopped(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w));
        _cleanup_ask_ Ask a = { 0 };

        fake_ports_find(w->ports, RESOURCE_CONTAINER, id)->running = false;
        put_back(w, NULL);
        assert_false(fake_ports_find(w->ports, RESOURCE_CONTAINER, id)->running);
        adopt(w, &a, id);
        assert_int_equal(a.fault, FAULT_NONE);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        world_check(w);
        world_free(w);
}

/* A record that cannot be read is made again from the file. */
static void test_adopt_damaged(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *key = str_printf("instance:%s", id);
        UnknownInstance unknown = { 0 };
        _cleanup_ask_ Ask a = { 0 };

        world_stop(w);
        fake_ports_put(w->ports, STORE_INSTANCE, id, "{", 1);
        world_start(w);
        world_run(w);
        assert_string_equal(manager_damaged_records(w->manager)[0], key);
        assert_false(manager_next_unknown(w->manager, NULL, &unknown));
        adopt(w, &a, id);
        assert_int_equal(a.fault, FAULT_NONE);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        assert_null(manager_damaged_records(w->manager)[0]);
        world_check(w);
        world_free(w);
}

/* The store goes away in the middle of it, or refuses: then it is as it was, and can be tried again. */
static void test_adopt_and_faults(void **state)
{
        static const FakeFault faults[] = { FAKE_REFUSED, FAKE_NO_MEMORY, FAKE_FAILED, FAKE_TIMED_OUT_DONE,
                FAKE_LOST_DONE };

        for (size_t k = 0; k < ELEMENTSOF(faults); k++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_free_ char *id = strdup(world_id(w));
                _cleanup_ask_ Ask a = { 0 };

                world_case("%s", fake_fault_to_string(faults[k]));
                put_back(w, NULL);
                w->ports->plans[0] = (FakePlan){ w->ports->n_calls, faults[k] };
                adopt(w, &a, id);
                world_assert(w, a.fault != FAULT_NONE);
                world_run(w);
                assert_whole(w, id);
                world_assert(w, !world_first(w));
                world_assert(w, !fake_ports_record(w->ports, STORE_INSTANCE, id));
                adopt(w, &a, id);
                world_assert(w, a.fault == FAULT_NONE);
                world_run(w);
                world_check(w);
                world_free(w);
        }
}

/* ---- A store that is emptied ---- */

static void empty_store(World *w)
{
        fake_ports_empty_store(w->ports);
}

/* As the real one reads it now and then. */
static void read_generation(World *w)
{
        const char *text = fake_ports_record(w->ports, STORE_GENERATION, "d1");

        w->ports->on_generation(text ? strtoull(text, NULL, 10) : 0, false, w->ports->watcher[FAKE_STORE]);
}

static void test_emptied_store(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = make_another(w), *secret = NULL;

        secret = strdup(fake_ports_record(w->ports, STORE_SECRET, id));
        empty_store(w);
        read_generation(w);
        world_run(w);
        assert_string_equal(fake_ports_record(w->ports, STORE_SECRET, id), secret);
        assert_int_equal(fake_ports_count(w->ports, STORE_PRODUCT), _VARIANT_MAX);
        assert_int_equal(fake_ports_count(w->ports, STORE_INSTANCE), 2);
        assert_int_equal(fake_ports_count(w->ports, STORE_MARK), 1);
        assert_true(condition_of(w).rewritten_usec > 0);
        world_check(w);
        assert_int_equal(condition_of(w).expected, 0);
        assert_int_equal(condition_of(w).rewritten_usec, 0);
        world_free(w);
}

/* An older copy, put in its place while arkd runs: what was deleted since is not in it any more, either. */
static void test_older_copy_at_run_time(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        FakeRecord *copy = fake_ports_copy_records(w->ports);
        _cleanup_free_ char *id = make_another(w);
        _cleanup_ask_ Ask a = { 0 };

        ask(w, &a, "DeleteProduct", ROLE_OPERATOR, "uid:0", json_named("id", "p5"));
        world_run(w);
        empty_store(w);
        w->ports->records = copy;
        read_generation(w);
        world_run(w);
        assert_null(fake_ports_record(w->ports, STORE_PRODUCT, "p5"));
        assert_non_null(fake_ports_record(w->ports, STORE_INSTANCE, id));
        world_check(w);
        world_free(w);
}

/* More than one commit takes out: none of them is a product again after the next start. */
static void test_many_stale_records(void **state)
{
        World *w = world_created(VARIANT_STRIP);

        empty_store(w);
        for (unsigned i = 0; i < 4500; i++) {
                char id[32];

                (void) snprintf(id, sizeof id, "stale-%u", i);
                fake_ports_put(w->ports, STORE_PRODUCT, id, "{}", 0);
        }
        read_generation(w);
        world_run(w);
        assert_int_equal(fake_ports_count(w->ports, STORE_PRODUCT), _VARIANT_MAX);
        world_check(w);
        assert_int_equal(condition_of(w).expected, 0);
        world_free(w);
}

/* A copy that knows what the store of this start did not is put in its place while arkd runs, and is behind as well. */
static void test_newer_copy_of_unknown(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        FakeRecord *old = fake_ports_copy_records(w->ports), *newer;
        _cleanup_free_ char *id = make_another(w), *third = NULL, *fourth = NULL;

        newer = fake_ports_copy_records(w->ports);
        put_back(w, old);
        assert_null(manager_get_instance(w->manager, id));
        third = make_another(w);
        fourth = make_another(w);
        empty_store(w);
        w->ports->records = newer;
        read_generation(w);
        world_run(w);
        assert_non_null(fake_ports_record(w->ports, STORE_INSTANCE, third));
        assert_non_null(fake_ports_record(w->ports, STORE_INSTANCE, fourth));
        assert_non_null(fake_ports_record(w->ports, STORE_INSTANCE, id));
        assert_non_null(fake_ports_record(w->ports, STORE_SECRET, id));
        world_free(w);
}

/* At every moment of a deploy and of a delete: all comes to its end, and the store has it. */
static void try_moment(size_t moment, bool deleting)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        world_case("the store is emptied after step %zu of a %s", moment, deleting ? "delete" : "create");
        if (deleting)
                ask_delete(w, &a, world_id(w));
        else
                ask_create(w, &a, VARIANT_KEEP);
        for (size_t n = 0; n < moment && fake_ports_step(w->ports); n++)
                ;
        empty_store(w);
        read_generation(w);
        world_run(w);
        world_assert(w, a.answered && a.fault == FAULT_NONE);
        world_assert(w, fake_ports_count(w->ports, STORE_PRODUCT) == _VARIANT_MAX);
        world_check(w);
        world_free(w);
}

static void test_emptied_at_every_moment(void **state)
{
        for (size_t moment = world_first_case() % 3; moment<60; moment += world_case_step()> 1 ? 3 : 1) {
                try_moment(moment, false);
                try_moment(moment, true);
        }
}

/* The rewriting is cut short at every point, by faults or a death. */
static void test_rewriting_that_fails(void **state)
{
        static const FakeFault faults[] = { FAKE_REFUSED, FAKE_NO_MEMORY, FAKE_FAILED, FAKE_FAILED_DONE,
                FAKE_TIMED_OUT, FAKE_TIMED_OUT_DONE, FAKE_LOST, FAKE_LOST_DONE };

        for (size_t k = 0; k < ELEMENTSOF(faults); k++)
                for (size_t call = 0; call < 4; call++) {
                        World *w = world_created(VARIANT_STRIP);

                        world_case("call %zu of rewriting %s", call, fake_fault_to_string(faults[k]));
                        w->ports->plans[0] = (FakePlan){ w->ports->n_calls + call, faults[k] };
                        empty_store(w);
                        read_generation(w);
                        world_run(w);
                        read_generation(w); /* as after a reconnection, and now and then */
                        world_run(w);
                        world_assert(w, fake_ports_count(w->ports, STORE_INSTANCE) == 1);
                        world_assert(w, fake_ports_count(w->ports, STORE_PRODUCT) == _VARIANT_MAX);
                        world_check(w);
                        world_assert(w, condition_of(w).expected == 0);
                        world_free(w);
                }
}

/* A copy that is one change behind has as many as it should after the first commit, and not all of it. */
static void test_rewriting_that_is_interrupted(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        FakeRecord *copy = fake_ports_copy_records(w->ports);
        _cleanup_free_ char *id = make_another(w), *behind = NULL;

        behind = str_printf(
                        "%llu", strtoull(fake_ports_record(w->ports, STORE_GENERATION, "d1"), NULL, 10) - 1);
        empty_store(w);
        w->ports->records = copy;
        fake_ports_put(w->ports, STORE_GENERATION, "d1", behind, 0);
        read_generation(w);
        while (streq(fake_ports_record(w->ports, STORE_GENERATION, "d1"), behind))
                assert_true(fake_ports_step(w->ports));
        assert_null(fake_ports_record(w->ports, STORE_INSTANCE, id));
        fake_ports_lose(w->ports, FAKE_STORE, 1);
        world_run(w);
        read_generation(w); /* as after a reconnection */
        world_run(w);
        assert_non_null(fake_ports_record(w->ports, STORE_INSTANCE, id));
        world_check(w);
        assert_int_equal(condition_of(w).expected, 0);
        world_free(w);
}

static void test_death_while_rewriting(void **state)
{
        for (size_t steps = 0; steps < 5; steps++)
                for (int done = 0; done < 2; done++) {
                        World *w = world_created(VARIANT_STRIP);
                        _cleanup_free_ char *id = strdup(world_id(w));
                        _cleanup_ask_ Ask a = { 0 };

                        world_case("death after %zu steps", steps);
                        empty_store(w);
                        read_generation(w);
                        for (size_t n = 0; n < steps; n++)
                                (void) fake_ports_step(w->ports);
                        world_crash(w, done);
                        world_run(w);
                        assert_whole(w, id);
                        if (!world_first(w)) {
                                world_assert(w, condition_of(w).expected > 0);
                                adopt(w, &a, id);
                                world_assert(w, a.fault == FAULT_NONE);
                                world_run(w);
                        }
                        world_check(w);
                        world_free(w);
                }
}

/* ---- Upgrades ---- */

/* A store and a folder of before there were generations: neither is behind. */
static void test_first_generation(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *path = str_printf("%s/generation", w->compose_dir);

        world_stop(w);
        assert_int_equal(unlink(path), 0);
        for (FakeRecord **r = &w->ports->records; *r;)
                if ((*r)->kind == STORE_GENERATION) {
                        FakeRecord *gone = *r;

                        *r = gone->next;
                        fake_record_free(gone);
                } else
                        r = &(*r)->next;
        world_start(w);
        world_run(w);
        assert_int_equal(condition_of(w).expected, 0);
        assert_string_equal(world_status(w), "running");
        world_delete(w);
        assert_int_equal(access(path, F_OK), 0);
        world_check(w);
        world_free(w);
}

/* What is in a compose file comes back as it was, whatever a customer is called. */
static void test_archive(void **state)
{
        static const char *const names[] = { "Acme", "null", "1e3", "a: b # c", "$HOME ${X} $$", "\"'\\",
                "–é日本" };

        for (size_t k = 0; k < ELEMENTSOF(names); k++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_json_ struct json_object *compose = NULL, *want = NULL, *have = NULL;
                _cleanup_(instance_freep) Instance *back = NULL;
                Instance *i = world_first(w);

                world_case("%s", names[k]);
                assert_int_equal(free_and_strdup(&i->client_name, names[k]), 0);
                compose_tend_instance(w->manager, i);
                assert_int_equal(compose_read(w->compose_dir, i->id, &compose), 0);
                assert_string_equal(archive_client_name(compose), names[k]);
                assert_string_equal(archive_subnet(compose), i->subnet);
                assert_string_equal(archive_ingress_address(compose), i->ingress_address);
                assert_int_equal(archive_read(compose, &back), 0);
                want = archive_new(i);
                have = archive_new(back);
                assert_non_null(strstr(json_text(want), "access_token_sha256"));
                assert_null(strstr(json_text(want), i->access_token));
                assert_true(json_object_equal(want, have));
                world_free(w);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_older_store),
                cmocka_unit_test(test_access_token_of_adopted),
                cmocka_unit_test(test_deleted_stays_deleted),
                cmocka_unit_test(test_mark_is_made_again),
                cmocka_unit_test(test_expiry_of_older_store),
                cmocka_unit_test(test_what_cannot_be_adopted),
                cmocka_unit_test(test_adopt_stopped),
                cmocka_unit_test(test_adopt_damaged),
                cmocka_unit_test(test_adopt_and_faults),
                cmocka_unit_test(test_emptied_store),
                cmocka_unit_test(test_older_copy_at_run_time),
                cmocka_unit_test(test_many_stale_records),
                cmocka_unit_test(test_newer_copy_of_unknown),
                cmocka_unit_test(test_emptied_at_every_moment),
                cmocka_unit_test(test_rewriting_that_fails),
                cmocka_unit_test(test_rewriting_that_is_interrupted),
                cmocka_unit_test(test_death_while_rewriting),
                cmocka_unit_test(test_first_generation),
                cmocka_unit_test(test_archive),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
