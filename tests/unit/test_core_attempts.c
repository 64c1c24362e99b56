/* SPDX-License-Identifier: MIT */

/* Daemons that die under a job: it goes on as long as it gets further, and is given up when it does not. */

#include "basic/json-util.h"
#include "basic/string-util.h"
#include "core/job/job.h"
#include "core/ports.h"
#include "core/verbs/request.h"
#include "core_fixture.h"

static const char *reason(World *w)
{
        return strempty(world_first(w)->error_reason);
}

static void test_endless_crashes(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };
        unsigned crashes = 0;

        w->ports->failing = "database_login";
        ask_create(w, &create, VARIANT_STRIP);
        for (unsigned n = 1; fake_ports_step(w->ports); n++)
                if (n % 60 == 0) {
                        world_crash(w, true);
                        crashes++;
                }
        assert_int_equal(crashes, 6); /* once, and five times again */
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(reason(w), "too often"));
        w->ports->failing = NULL;
        world_check(w);
        world_free(w);
}

/* The same where it never gets beyond its first phase. */
static void test_early_crashes(void **state)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };

        ask_create(w, &create, VARIANT_STRIP);
        while (!create.answered)
                assert_true(fake_ports_step(w->ports));
        for (unsigned crashes = 0; crashes < 6; crashes++) {
                assert_string_equal(world_status(w), "pending");
                world_crash(w, true);
                assert_true(fake_ports_step(w->ports));
        }
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(reason(w), "too often"));
        world_check(w);
        world_free(w);
}

/* Answers whether the record says that so many attempts were begun, and the last has come to the step. */
static bool has_come_to(const char *record, size_t attempts, const char *step)
{
        _cleanup_json_ struct json_object *json = json_of(record);
        struct json_object *reached = json_get(json, "reached");

        return json_object_array_length(reached) == attempts &&
               streq(json_object_get_string(json_object_array_get_idx(reached, attempts - 1)), step);
}

/* Dies as soon as the job's record says that this attempt has come to the step. */
static void crash_at(World *w, const char *kind, size_t attempt, const char *step)
{
        _cleanup_free_ char *job = str_printf("%s.%s", world_id(w), kind);
        const char *text;

        world_case("%s dies at %s, attempt %zu", kind, step, attempt);
        do {
                world_assert(w, fake_ports_step(w->ports));
                text = fake_ports_record(w->ports, STORE_JOB, job);
                world_assert(w, text != NULL);
        } while (!has_come_to(text, attempt, step));
        world_crash(w, false);
}

static World *world_with(const char *kind, unsigned retry_max)
{
        World *w = streq(kind, "create") ? world_new() : world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        w->settings.retry_max = retry_max;
        world_stop(w);
        world_start(w);
        if (streq(kind, "create"))
                ask_create(w, &a, VARIANT_STRIP);
        else
                ask(w, &a, streq(kind, "delete") ? "DeleteInstance" : "RestartInstance", ROLE_OPERATOR,
                                "uid:0", json_named("id", world_id(w)));
        while (!world_id(w) || fake_ports_count(w->ports, STORE_JOB) == 0)
                assert_true(fake_ports_step(w->ports));
        ask_drop(&a);
        return w;
}

/* ---- Given up ---- */

static void try_history(const char *kind, const char *const steps[], const char *told)
{
        World *w = world_with(kind, 5);

        for (size_t i = 0; steps[i]; i++)
                crash_at(w, kind, i + 1, steps[i]);
        while (!*reason(w))
                assert_true(fake_ports_step(w->ports));
        assert_string_equal(reason(w), told);
        world_run(w);
        world_free(w);
}

#define TOLD "it was begun again too often without coming to its end: it came as far as "

/* What is given up tells how far each attempt came. */
static void test_history(void **state)
{
        try_history("create",
                        (const char *const[]){ "database-login", "volume", "health", "database-login",
                                        "health", "health", "health", "health", NULL },
                        TOLD "database-login, then volume, then health, then database-login, then health "
                             "(4 times)");
        try_history("create",
                        (const char *const[]){
                                        "health", "health", "health", "health", "health", "health", NULL },
                        TOLD "health (6 times)");
        try_history("delete",
                        (const char *const[]){ "remove-database", "remove-network", "remove-network",
                                        "remove-network", "remove-network", "remove-network",
                                        "remove-network", NULL },
                        TOLD "remove-database, then remove-network (6 times)");
        try_history("restart",
                        (const char *const[]){ "restart-database", "health", "look", "restart-app", "health",
                                        "health", "health", NULL },
                        TOLD "restart-database, then health, then look, then restart-app, then health (3 "
                             "times)");
}

static bool has_called(World *w, size_t logged, const char *call)
{
        return strv_length(w->ports->log) > logged && strv_contains(w->ports->log + logged, call);
}

/* An attempt counts before anything is begun in it: a daemon may die of that at once. */
static void test_death_at_once(void **state)
{
        World *w = world_with("delete", 5);
        bool given_up = false;
        unsigned crashes;

        for (crashes = 0; crashes < 20; crashes++) {
                size_t logged = strv_length(w->ports->log);
                bool begun = false;

                world_crash(w, false);
                do {
                        begun = has_called(w, logged, "remove_container ID");
                        given_up = given_up || strstr(reason(w), "too often");
                } while (!begun && fake_ports_step(w->ports));
                if (!begun)
                        break;
        }
        assert_int_equal(crashes, 5);
        assert_true(given_up);
        world_free(w);
}

/* ---- Getting further ---- */

/* Dies at each of the steps so many times. */
static void try_further(const char *kind, const char *const steps[], unsigned times, unsigned retry_max,
                const char *end)
{
        World *w = world_with(kind, retry_max);
        size_t attempt = 0;

        for (size_t i = 0; steps[i]; i++)
                for (unsigned n = 0; n < times; n++)
                        crash_at(w, kind, ++attempt, steps[i]);
        world_run(w);
        assert_string_equal(world_status(w), end);
        world_check(w);
        world_free(w);
}

/* However often its daemon dies: what comes further each time comes to its end. */
static void test_further(void **state)
{
        static const char *const create[] = { "app-image", "database-image", "database-container",
                "database-login", "app-start", "health", NULL };
        static const char *const delete[] = { "remove-database", "remove-network", NULL };
        static const char *const restart[] = { "restart-database", "database-login", "restart-app", "health",
                NULL };

        try_further("create", create, 1, 5, "running");
        try_further("create", create, 1, 1, "running");
        try_further("create", create, 2, 2, "running");
        try_further("create", create, 5, 5, "running");
        try_further("delete", delete, 1, 1, "deleted");
        try_further("delete", delete, 5, 5, "deleted");
        try_further("restart", restart, 2, 2, "running");
}

/* ---- Undone ---- */

/* A create that is given up: what it has made is about to be taken away. */
static World *world_given_up(unsigned retry_max)
{
        World *w = world_with("create", retry_max);

        for (size_t n = 1; n <= retry_max + 1; n++)
                crash_at(w, "create", n, "health");
        while (world_first(w)->job->state != JOB_UNDOING)
                assert_true(fake_ports_step(w->ports));
        return w;
}

static size_t count_calls(World *w, size_t logged, const char *call)
{
        size_t n = 0;

        for (char **l = w->ports->log + logged; *l; l++)
                n += startswith(*l, call) != NULL;
        return n;
}

/* Dies once this attempt has begun to take away the n-th thing. Answers whether it came to that. */
static bool crash_at_removal(World *w, size_t n)
{
        size_t logged = strv_length(w->ports->log);

        while (count_calls(w, logged, "remove_") < n)
                if (!fake_ports_step(w->ports))
                        return false;
        world_crash(w, false);
        return true;
}

static void test_undo_crashes(void **state)
{
        World *w = world_given_up(5);
        unsigned crashes = 0;

        while (crashes < 20 && crash_at_removal(w, 1))
                crashes++;
        assert_int_equal(crashes, 6);
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(reason(w), TOLD "health (6 times)"));
        assert_true(strstr(world_first(w)->message, "not all of it could be removed; delete it"));
        world_delete(w);
        world_free(w);
}

/* It waits for its record, which a deletion must not make it wait for in vain. */
static void test_undo_deleted(void **state)
{
        World *w = world_given_up(5);

        assert_true(world_first(w)->job->held);
        world_delete(w);
        world_free(w);
}

/* As long as it gets further, all is taken away. */
static void test_undo_further(void **state)
{
        World *w = world_given_up(2);

        for (size_t n = 1; n <= 4; n++)
                for (unsigned times = 0; times < 2; times++)
                        world_assert(w, crash_at_removal(w, n));
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(reason(w), TOLD "health (3 times)"));
        world_check(w);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_endless_crashes),
                cmocka_unit_test(test_early_crashes),
                cmocka_unit_test(test_history),
                cmocka_unit_test(test_death_at_once),
                cmocka_unit_test(test_further),
                cmocka_unit_test(test_undo_crashes),
                cmocka_unit_test(test_undo_deleted),
                cmocka_unit_test(test_undo_further),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
