/* SPDX-License-Identifier: MIT */

/* Jobs as they are found in the store at a start. */

#include <stdio.h>

#include "core/manager.h"
#include "core/ports.h"
#include "core_fixture.h"

/* A create whose intent is stored, and then nothing. */
static void crash_in_create(World *w)
{
        _cleanup_ask_ Ask create = { 0 };

        ask_create(w, &create, VARIANT_STRIP);
        while (!create.answered)
                assert_true(fake_ports_step(w->ports));
        fake_ports_crash(w->ports, false);
        w->manager = manager_free(w->manager);
        fake_ports_crashed(w->ports);
}

/* Pending, without a job: it gets one. */
static void test_pending_without_job(void **state)
{
        World *w = world_new();

        crash_in_create(w);
        free(w->ports->stream[0].job);
        w->ports->n_stream = 0;
        world_start(w);
        world_run(w);
        assert_string_equal(world_status(w), "running");
        world_free(w);
}

static void put_job(World *w, const char *job, const char *kind, const char *instance)
{
        _cleanup_free_ char *text = str_printf("{\"kind\":\"%s\",\"instance\":\"%s\"}", kind, instance);

        assert_non_null(text);
        fake_ports_put(w->ports, STORE_JOB, job, text, 0);
}

/* Its end would be another record's, and it would be begun again at each start. */
static void test_job_under_another_key(void **state)
{
        static const struct {
                const char *before, *after;
        } keys[] = { { "x", ".restart" }, { "", "" }, { "", "restart" }, { "", ".delete" },
                { "", ".restarted" } };

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                World *w = world_created(VARIANT_STRIP);
                char key[100];

                world_case("%sID%s", keys[i].before, keys[i].after);
                (void) snprintf(key, sizeof key, "%s%s%s", keys[i].before, world_id(w), keys[i].after);
                put_job(w, key, "restart", world_id(w));
                world_stop(w);
                world_start(w);
                world_assert(w, world_first(w) && !world_first(w)->job);
                world_free(w);
        }
}

/* In whatever order they are found. */
static void test_deletion_beside_a_create(void **state)
{
        for (unsigned first = 0; first < 2; first++) {
                World *w = world_new();
                _cleanup_free_ char *id = NULL, *job = NULL;
                const FakeRecord *r;

                world_case("%s", first ? "found first" : "found last");
                crash_in_create(w);
                for (r = w->ports->records; r->kind != STORE_INSTANCE; r = r->next)
                        ;
                id = strdup(r->id);
                job = str_printf("%s.delete", r->id);
                assert_true(id && job);
                put_job(w, job, "delete", id);
                if (first) { /* of those that the stream does not name, the newest comes first here */
                        free(w->ports->stream[0].job);
                        w->ports->n_stream = 0;
                }
                world_start(w);
                world_run(w);
                world_assert(w, strstr(fake_ports_record(w->ports, STORE_INSTANCE, id), "\"deleted\""));
                world_assert(w, fake_ports_count(w->ports, STORE_JOB) == 0);
                world_check(w);
                world_free(w);
        }
}

static unsigned count_resources(World *w)
{
        unsigned n = 0;

        for (const FakeResource *r = w->ports->resources; r; r = r->next)
                n++;
        return n;
}

/* What there is carries the id that the deployment had before: nothing of it is given up unseen. */
static void test_another_deployment(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask delete = { 0 };
        unsigned n = count_resources(w);

        world_stop(w);
        w->ports->deployment = w->settings.deployment = "d2";
        world_start(w);
        world_run(w);
        assert_null(fake_ports_record(w->ports, STORE_MARK, "d2"));
        ask_delete(w, &delete, world_id(w));
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_non_null(strstr(world_first(w)->error_reason, "another deployment's"));
        assert_int_equal(count_resources(w), n);

        world_stop(w);
        w->ports->deployment = NULL;
        w->settings.deployment = "d1";
        world_start(w);
        ask_delete(w, &delete, world_id(w));
        world_run(w);
        world_check(w);
        assert_string_equal(world_status(w), "deleted");
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_another_deployment),
                cmocka_unit_test(test_pending_without_job),
                cmocka_unit_test(test_job_under_another_key),
                cmocka_unit_test(test_deletion_beside_a_create),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
