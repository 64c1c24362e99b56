/* SPDX-License-Identifier: MIT */

/* After a downgrade the store has what a newer version wrote: it is kept, shown and left alone. */

#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/model/product.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

static struct json_object *stored(World *w, StoreKind kind, const char *id)
{
        const char *text = fake_ports_record(w->ports, kind, id);

        assert_non_null(text);
        return json_of(text);
}

/* What a newer version would have written. */
static void store(World *w, StoreKind kind, const char *id, struct json_object *json, uint64_t score)
{
        fake_ports_put(w->ports, kind, id, json_text(json), score);
}

static void ask_restart(World *w, Ask *a, const char *id)
{
        ask_now(w, a, "RestartInstance", ROLE_OPERATOR, "uid:0", json_named("id", id));
        world_run(w);
}

static bool has_changed_the_engine(World *w, size_t since)
{
        for (char **l = w->ports->log + since; *l; l++)
                if (!startswith(*l, "= ") && (strstr(*l, "create_") || strstr(*l, "remove_") ||
                                                             strstr(*l, "start_") || strstr(*l, "stop_")))
                        return true;
        return false;
}

/* ---- Members of an instance's records ---- */

static void add_newer_members(World *w, const char *id, uint64_t score)
{
        _cleanup_json_ struct json_object *record = stored(w, STORE_INSTANCE, id);
        _cleanup_json_ struct json_object *secrets = stored(w, STORE_SECRET, id);

        assert_int_equal(json_set(record, "backup", json_of("{\"last\":[1,null,\"x\"]}")), 0);
        assert_int_equal(json_set_string(record, "region", NULL), 0);
        assert_int_equal(json_set_u64(json_get(record, "timeline"), "backup", 7), 0);
        assert_int_equal(json_set_string(secrets, "backup_key", "k"), 0);
        store(w, STORE_INSTANCE, id, record, score);
        store(w, STORE_SECRET, id, secrets, 0);
}

static void assert_newer_members(struct json_object *record)
{
        assert_string_equal(json_text(json_get(record, "backup")), "{\"last\":[1,null,\"x\"]}");
        assert_true(json_object_object_get_ex(record, "region", NULL));
}

static void test_members(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w));
        _cleanup_ask_ Ask restart = { 0 };
        _cleanup_json_ struct json_object *record = NULL, *secrets = NULL, *visitor = NULL, *gone = NULL;
        uint64_t n = 0, score = world_first(w)->created_usec;

        world_stop(w);
        add_newer_members(w, id, score);
        world_start(w);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        ask_restart(w, &restart, id);
        assert_int_equal(restart.fault, FAULT_NONE);
        record = stored(w, STORE_INSTANCE, id);
        assert_newer_members(record);
        assert_int_equal(json_get_u64(json_get(record, "timeline"), "backup", &n), 0);
        assert_int_equal(n, 7);
        secrets = instance_secrets_to_json(world_first(w));
        assert_string_equal(json_object_get_string(json_get(secrets, "backup_key")), "k");
        visitor = instance_to_json(world_first(w), INSTANCE_VIEW_VISITOR);
        assert_null(json_get(visitor, "backup"));
        world_delete(w);
        gone = stored(w, STORE_INSTANCE, id);
        assert_newer_members(gone);
        world_free(w);
}

/* What this version writes is no newer member: it would outlive its value. */
static void test_own_members(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        Instance *i = world_first(w);
        _cleanup_json_ struct json_object *record = NULL, *secrets = NULL;
        _cleanup_(instance_freep) Instance *again = NULL;

        i->uid = 20000;
        i->verdict_usec = i->deleted_usec = i->created_usec;
        record = instance_to_json(i, INSTANCE_VIEW_RECORD);
        secrets = instance_secrets_to_json(i);
        assert_int_equal(json_set_string(secrets, "access_token_sha256", "00"), 0);
        assert_int_equal(instance_new_from_record(record, &again), 0);
        assert_int_equal(instance_load_secrets(again, secrets), 0);
        assert_null(again->newer_members);
        assert_null(again->newer_timeline);
        assert_null(again->newer_secrets);
        i->uid = 0;
        i->verdict_usec = i->deleted_usec = 0;
        world_free(w);
}

/* ---- States ---- */

static void set_state(World *w, const char *id, const char *status, const char *phase)
{
        _cleanup_json_ struct json_object *record = stored(w, STORE_INSTANCE, id);
        uint64_t score = world_first(w)->created_usec;

        world_stop(w);
        assert_int_equal(json_set_string(record, "status", status), 0);
        assert_int_equal(json_set_string(record, "phase", phase), 0);
        store(w, STORE_INSTANCE, id, record, score);
        world_start(w);
        world_run(w);
}

static void assert_state(struct json_object *json, const char *status, const char *phase)
{
        assert_string_equal(json_object_get_string(json_get(json, "status")), status);
        assert_string_equal(json_object_get_string(json_get(json, "phase")), phase);
}

/* Its containers die, years go by, and everything that there is for all instances is asked for. */
static void let_time_pass(World *w, const char *id)
{
        struct json_object *arguments = json_object_new_object();
        _cleanup_ask_ Ask cleanup = { 0 };

        fake_ports_find(w->ports, RESOURCE_CONTAINER, id)->running = false;
        fake_clock_move(3650 * USEC_PER_DAY);
        world_run(w);
        assert_int_equal(json_set_u64(arguments, "max_age_usec", USEC_PER_DAY), 0);
        assert_int_equal(json_set_bool(arguments, "dry_run", false), 0);
        ask_now(w, &cleanup, "Cleanup", ROLE_OPERATOR, "uid:0", arguments);
        world_run(w);
        assert_int_equal(cleanup.fault, FAULT_NONE);
}

static void test_states(void **state)
{
        static const struct {
                const char *status, *phase;
        } states[] = { { "sleeping", "ready" }, { "running", "backup" }, { "pending", "backup" },
                { "deleting", "backup" }, { "sleeping", "snapshot-2_x" } };

        for (size_t k = 0; k < ELEMENTSOF(states); k++) {
                World *w = world_created(VARIANT_STRIP);
                _cleanup_free_ char *id = strdup(world_id(w));
                _cleanup_ask_ Ask get = { 0 }, restart = { 0 };
                _cleanup_json_ struct json_object *record = NULL;
                size_t logged;

                world_case("%s, %s", states[k].status, states[k].phase);
                set_state(w, id, states[k].status, states[k].phase);
                logged = strv_length(w->ports->log);
                world_assert(w, world_first(w)->status == INSTANCE_NEWER && world_first(w)->upstream);
                let_time_pass(w, id);
                ask_now(w, &get, "GetInstance", ROLE_OPERATOR, "uid:0", json_named("id", id));
                assert_state(get.result, states[k].status, states[k].phase);
                ask_restart(w, &restart, id);
                world_assert(w, restart.fault == FAULT_CONFLICT && strstr(restart.reason, states[k].status));
                world_stop(w);
                world_start(w);
                world_run(w);
                world_assert(w, !has_changed_the_engine(w, logged));
                record = stored(w, STORE_INSTANCE, id);
                assert_state(record, states[k].status, states[k].phase);
                world_delete(w);
                world_free(w);
        }
}

/* A job of it is the newer version's to go on with; only its deletion goes on. */
static void test_job_of_newer(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *job = str_printf("%s.restart", id),
                            *text = str_printf("{\"kind\":\"restart\",\"instance\":\"%s\"}", id);

        fake_ports_put(w->ports, STORE_JOB, job, text, 0);
        set_state(w, id, "sleeping", "ready");
        assert_null(world_first(w)->job);
        assert_non_null(fake_ports_record(w->ports, STORE_JOB, job));
        world_free(w);
}

static void put_job(World *w, const char *id, const char *kind)
{
        _cleanup_free_ char *job = str_printf("%s.%s", id, kind),
                            *text = str_printf("{\"kind\":\"%s\",\"instance\":\"%s\"}", kind, id);

        fake_ports_put(w->ports, STORE_JOB, job, text, 0);
}

/* Kept for it, and no damage; what no version calls a kind is. */
static void test_job_of_newer_kind(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w)), *job = str_printf("%s.sleep", id),
                            *damaged = str_printf("job:%s.A kind", id);

        world_stop(w);
        put_job(w, id, "sleep");
        put_job(w, id, "A kind");
        world_start(w);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        assert_null(world_first(w)->job);
        assert_non_null(fake_ports_record(w->ports, STORE_JOB, job));
        assert_int_equal(strv_length(manager_damaged_records(w->manager)), 1);
        assert_true(strv_contains(manager_damaged_records(w->manager), damaged));
        world_free(w);
}

/* What no version spells so is damage, as ever. */
static void test_no_states(void **state)
{
        static const char *const words[] = { "", "Running", "two words", "a\nb",
                "a-word-of-more-than-thirty-two-bytes" };
        World *w = world_created(VARIANT_STRIP);

        for (size_t k = 0; k < ELEMENTSOF(words); k++)
                for (unsigned phase = 0; phase < 2; phase++) {
                        _cleanup_json_ struct json_object *record = stored(w, STORE_INSTANCE, world_id(w));
                        Instance *i = NULL;

                        assert_int_equal(json_set_string(record, phase ? "phase" : "status", words[k]), 0);
                        assert_int_equal(instance_new_from_record(record, &i), -EINVAL);
                }
        world_free(w);
}

/* ---- Products ---- */

static const char *const newer_fields[][2] = {
        /* the field, and a whole product with it */
        { "sleep_after_s", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"sleep_after_s\":{\"a\":[1]}}" },
        { "name.fr", "{\"id\":\"p9\",\"name\":{\"en\":\"P\",\"fr\":\"P\"},\"image\":\"i\"}" },
        { "database.size", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"database\":{\"image\":\"d\","
                           "\"size\":7}}" },
        { "limits.sidecar", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"limits\":{\"sidecar\":{}}}" },
        { "limits.app.disk",
                        "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"limits\":{\"app\":{\"disk\":7}}}" },
        { "credentials.kind", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"credentials\":"
                              "[{\"label\":\"l\",\"value\":\"v\",\"kind\":\"url\"}]}" },
        { "env.A", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"env\":{\"A\":\"${NEWER_NAME}\"}}" },
        /* values of fields that this version has */
        { "prefix", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"prefix\":\"host\"}" },
        { "database", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"database\":\"shared\"}" },
        { "limits.app.memory", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"limits\":"
                               "{\"app\":{\"memory\":\"half\"}}}" },
        { "credentials.value", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"credentials\":"
                               "[{\"label\":\"l\",\"value\":[\"v\"]}]}" },
        { "user", "{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\",\"user\":[\"pool\"]}" },
};

/* Each member of what was stored is there as it was. */
static void assert_holds(struct json_object *whole, struct json_object *part)
{
        if (!json_object_is_type(part, json_type_object)) {
                assert_true(json_object_equal(whole, part));
                return;
        }
        json_object_object_foreach (part, name, value)
                assert_holds(json_get(whole, name), value);
}

static void ask_deploy(World *w, Ask *a)
{
        struct json_object *arguments = json_named("product_id", "p9");

        assert_int_equal(json_set_string(arguments, "client_name", "c"), 0);
        ask_now(w, a, "CreateInstance", ROLE_OPERATOR, "uid:0", arguments);
}

static void ask_set(World *w, Ask *a, struct json_object *product)
{
        struct json_object *arguments = json_object_new_object();

        assert_int_equal(json_set(arguments, "product", product), 0);
        ask_now(w, a, "SetProduct", ROLE_OPERATOR, "uid:0", arguments);
}

static void test_products(void **state)
{
        for (size_t k = 0; k < ELEMENTSOF(newer_fields); k++) {
                const char *field = newer_fields[k][0], *text = newer_fields[k][1];
                _cleanup_json_ struct json_object *record = json_of(text);
                _cleanup_ask_ Ask get = { 0 }, deploy = { 0 }, refused = { 0 }, set = { 0 }, again = { 0 };
                World *w = world_new();

                world_case("%s", field);
                world_stop(w);
                fake_ports_put(w->ports, STORE_PRODUCT, "p9", text, 0);
                world_start(w);
                world_run(w);
                ask_now(w, &get, "GetProduct", ROLE_OPERATOR, "uid:0", json_named("id", "p9"));
                world_assert(w, get.fault == FAULT_NONE);
                assert_holds(get.result, record);
                ask_deploy(w, &deploy);
                world_assert(w, deploy.fault == FAULT_CONFLICT);
                world_assert(w, strstr(deploy.reason, field) && strstr(deploy.reason, "Upgrade arkd"));
                ask_set(w, &refused, json_object_get(record));
                world_assert(w, refused.fault == FAULT_INVALID_ARGUMENT);
                assert_string_equal(fake_ports_record(w->ports, STORE_PRODUCT, "p9"), text);
                ask_set(w, &set, json_of("{\"id\":\"p9\",\"name\":\"P\",\"image\":\"i\"}"));
                world_assert(w, set.fault == FAULT_NONE);
                ask_deploy(w, &again);
                world_assert(w, again.fault == FAULT_NONE);
                world_run(w);
                world_check(w);
                world_free(w);
        }
}

/* It may say anything: visitors see what this version knows. */
static void test_product_of_visitors(void **state)
{
        _cleanup_json_ struct json_object *record = json_of(newer_fields[0][1]), *visitor = NULL,
                                          *operator= NULL;
        _cleanup_free_ char *field = NULL, *reason = NULL;
        _cleanup_(product_unrefp) Product *product = NULL;

        assert_int_equal(product_new_from_record(record, &product, &field, &reason), 0);
        visitor = product_to_json(product, false);
        operator= product_to_json(product, true);
        assert_null(json_get(visitor, "sleep_after_s"));
        assert_non_null(json_get(operator, "sleep_after_s"));
}

/* Made of such a product, an instance serves on, and is not made again without what its product asks for. */
static void test_instance_of_newer_product(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_free_ char *id = strdup(world_id(w));
        _cleanup_json_ struct json_object *secrets = stored(w, STORE_SECRET, id), *after = NULL;
        _cleanup_ask_ Ask restart = { 0 };
        size_t logged;

        world_stop(w);
        assert_int_equal(json_set_u64(json_get(secrets, "product"), "sleep_after_s", 60), 0);
        store(w, STORE_SECRET, id, secrets, 0);
        logged = strv_length(w->ports->log);
        world_start(w);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        ask_restart(w, &restart, id);
        assert_int_equal(restart.fault, FAULT_CONFLICT);
        assert_non_null(strstr(restart.reason, "sleep_after_s"));
        assert_false(has_changed_the_engine(w, logged));
        after = instance_secrets_to_json(world_first(w));
        assert_true(json_object_equal(after, secrets));
        world_delete(w);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_members),
                cmocka_unit_test(test_own_members),
                cmocka_unit_test(test_states),
                cmocka_unit_test(test_job_of_newer),
                cmocka_unit_test(test_job_of_newer_kind),
                cmocka_unit_test(test_no_states),
                cmocka_unit_test(test_products),
                cmocka_unit_test(test_product_of_visitors),
                cmocka_unit_test(test_instance_of_newer_product),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
