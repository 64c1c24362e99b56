/* SPDX-License-Identifier: MIT */

/* Nothing is pending for ever: deadlines, what is waited for until then, and jobs that are lost. */

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "basic/string-util.h"
#include "basic/time-util.h"
#include "core/job/job.h"
#include "core/manager.h"
#include "core/model/instance.h"
#include "core/ports.h"
#include "core/registry/registry.h"
#include "core/verbs/request.h"
#include "core_fixture.h"
#include "fake_clock.h"

static const char *message(World *w)
{
        return world_first(w)->message;
}

static const char *reason(World *w)
{
        return strempty(world_first(w)->error_reason);
}

/* ---- Deadlines ---- */

static unsigned count_resources(World *w, ResourceKind kind)
{
        unsigned n = 0;

        for (const FakeResource *r = w->ports->resources; r; r = r->next)
                n += r->kind == kind;
        return n;
}

/* A deletion that the engine never hears of is answered all the same, and the next goes on from there. */
static void try_delete_deadline(bool hangs)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask first = { 0 }, second = { 0 };
        uint64_t begun = fake_clock_now();

        ask_delete(w, &first, world_id(w));
        while (count_resources(w, RESOURCE_CONTAINER) > 0)
                assert_true(fake_ports_step(w->ports));
        ask_delete(w, &second, world_id(w));
        w->ports->hangs = hangs;
        fake_ports_lose(w->ports, FAKE_ENGINE, UINT64_MAX);
        world_run(w);
        assert_int_equal(first.fault, FAULT_FAILED);
        assert_int_equal(second.fault, FAULT_FAILED);
        assert_true(strstr(first.reason, "not done within 10 min") &&
                        strstr(first.reason, "Delete it again"));
        assert_true(strstr(first.reason, "; at the end: the engine (Docker) cannot be reached"));
        assert_true(fake_clock_now() - begun >= 10 * USEC_PER_MINUTE);
        assert_true(fake_clock_now() - begun <= 11 * USEC_PER_MINUTE + USEC_PER_SEC);
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(message(w), "delete it again"));
        assert_int_equal(count_resources(w, RESOURCE_VOLUME), 1); /* nothing is lost, nothing forgotten */
        fake_ports_return(w->ports, FAKE_ENGINE);
        world_run(w);
        ask_delete(w, &second, world_id(w));
        world_run(w);
        assert_int_equal(second.fault, FAULT_NONE);
        assert_string_equal(world_status(w), "deleted");
        world_check(w);
        world_free(w);
}

static void test_delete_deadline(void **state)
{
        try_delete_deadline(false);
        try_delete_deadline(true);
}

/* Nor is a deploy pending for ever whose engine goes away while it is undone, and stays away. */
static World *world_left_behind(void)
{
        World *w = world_new();
        _cleanup_ask_ Ask create = { 0 };

        w->ports->app_exits = true;
        ask_create(w, &create, VARIANT_STRIP);
        while (!world_first(w) || !world_first(w)->job || world_first(w)->job->state != JOB_UNDOING)
                assert_true(fake_ports_step(w->ports));
        fake_ports_lose(w->ports, FAKE_ENGINE, UINT64_MAX);
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(message(w), "not all of it could be removed"));
        assert_true(strstr(reason(w), "exit status 3"));
        assert_true(fake_clock_now() < 11 * USEC_PER_MINUTE);
        return w;
}

/* How it failed is told as before, once, and nothing is there any more. */
static void assert_tidied(World *w)
{
        world_run(w);
        assert_string_equal(world_status(w), "failed");
        assert_true(strstr(message(w), "nothing of it was left behind"));
        assert_true(strstr(reason(w), "exit status 3"));
        assert_string_equal(world_first(w)->error_step, "health");
        assert_null(world_first(w)->subnet);
        world_check(w);
}

static void test_undo_deadline(void **state)
{
        World *w = world_left_behind();

        fake_ports_return(w->ports, FAKE_ENGINE);
        assert_tidied(w);
        world_free(w);
}

/* Nor is it forgotten by the next daemon, or by the one after that. */
static void test_left_behind_at_start(void **state)
{
        World *w = world_left_behind();

        world_crash(w, false);
        while (!world_first(w) || !world_first(w)->job || world_first(w)->job->state != JOB_UNDOING)
                assert_true(fake_ports_step(w->ports));
        world_crash(w, true);
        assert_tidied(w);
        world_free(w);
}

static void test_left_behind_is_deleted(void **state)
{
        World *w = world_left_behind();

        fake_ports_return(w->ports, FAKE_ENGINE);
        while (!world_first(w)->job)
                assert_true(fake_ports_step(w->ports));
        world_delete(w);
        world_free(w);
}

/* ---- What is waited for ---- */

/* From now on no file can be opened; answers the limit that was. */
static struct rlimit take_files(void)
{
        int lowest = dup(STDERR_FILENO);
        struct rlimit before, none;

        assert_true(lowest >= 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
        (void) close(lowest);
        none = (struct rlimit){ .rlim_cur = (rlim_t) lowest, .rlim_max = before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        return before;
}

static void run_for(World *w, uint64_t usec)
{
        uint64_t end = fake_clock_now() + usec;

        while (fake_clock_now() < end)
                assert_true(fake_ports_step(w->ports));
}

static void test_no_file_for_a_while(void **state)
{
        World *w = world_new();
        struct rlimit before = take_files();
        _cleanup_ask_ Ask create = { 0 };

        ask_create(w, &create, VARIANT_STRIP);
        run_for(w, 20 * USEC_PER_SEC);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_string_equal(world_status(w), "pending");
        world_run(w);
        assert_string_equal(world_status(w), "running");
        world_check(w);
        world_free(w);
}

static void test_no_file_at_all(void **state)
{
        World *w = world_new();
        struct rlimit before = take_files();
        _cleanup_ask_ Ask create = { 0 };

        ask_create(w, &create, VARIANT_STRIP);
        world_run(w);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_string_equal(world_status(w), "failed");
        assert_string_equal(reason(w), "it was not done within 30 s; at the end: Too many open files");
        world_check(w);
        world_free(w);
}

/* The same of what the engine is asked, for a deploy and for a deletion. */
static void try_no_file_for_calls(int error, const char *call)
{
        World *w = world_new();
        _cleanup_ask_ Ask a = { 0 };

        world_case("%s answers %d", call, error);
        w->ports->failing = call;
        w->ports->failing_error = error;
        ask_create(w, &a, VARIANT_STRIP);
        if (startswith(call, "remove_")) {
                world_run(w);
                assert_string_equal(world_status(w), "running");
                ask_delete(w, &a, world_id(w));
                run_for(w, 5 * USEC_PER_MINUTE);
                assert_string_equal(world_status(w), "deleting");
        } else {
                run_for(w, 20 * USEC_PER_SEC);
                assert_string_equal(world_status(w), "pending");
        }
        w->ports->failing = NULL;
        world_run(w);
        assert_int_equal(a.fault, FAULT_NONE);
        assert_string_equal(world_status(w), startswith(call, "remove_") ? "deleted" : "running");
        world_check(w);
        world_free(w);
}

static void test_no_file_for_calls(void **state)
{
        try_no_file_for_calls(-EMFILE, "ensure_image");
        try_no_file_for_calls(-ENFILE, "create_network");
        try_no_file_for_calls(-EMFILE, "inspect_container");
        try_no_file_for_calls(-EMFILE, "remove_container");
        try_no_file_for_calls(-ENFILE, "remove_volume");
}

/* ---- Jobs that the stream does not name ---- */

static void lose_stream(World *w)
{
        for (size_t i = 0; i < w->ports->n_stream; i++)
                free(w->ports->stream[i].job);
        w->ports->n_stream = 0;
}

static void restart_daemon(World *w, void (*meanwhile)(World *w))
{
        fake_ports_crash(w->ports, false);
        w->manager = manager_free(w->manager);
        fake_ports_crashed(w->ports);
        meanwhile(w);
        world_start(w);
}

static void try_lost_stream(const char *action, const char *end)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };
        size_t logged;

        world_case("%s", action);
        ask(w, &a, action, ROLE_OPERATOR, "uid:0", json_named("id", world_id(w)));
        while (w->ports->n_stream == 0)
                assert_true(fake_ports_step(w->ports));
        ask_drop(&a);
        logged = strv_length(w->ports->log);
        restart_daemon(w, lose_stream);
        world_run(w);
        assert_true(strv_contains(w->ports->log + logged,
                        streq(end, "deleted") ? "= remove_container ID" : "= restart_container ID"));
        assert_string_equal(world_status(w), end);
        world_check(w); /* no record of the job is left */
        world_free(w);
}

static void test_lost_stream(void **state)
{
        try_lost_stream("RestartInstance", "running");
        try_lost_stream("DeleteInstance", "deleted");
}

static void put_job(World *w, const char *instance, const char *kind)
{
        _cleanup_free_ char *id = str_printf("%s.%s", instance, kind);
        _cleanup_free_ char *text =
                        str_printf("{\"id\":\"%s\",\"kind\":\"%s\",\"instance\":\"%s\",\"attempts\":1}", id,
                                        kind, instance);

        assert_true(id && text);
        fake_ports_put(w->ports, STORE_JOB, id, text, 0);
}

static void put_stale_jobs(World *w)
{
        for (const FakeRecord *r = w->ports->records; r; r = r->next) {
                if (r->kind != STORE_INSTANCE)
                        continue;
                put_job(w, r->id, "create");
                if (strstr(r->text, "\"status\":\"deleted\"")) {
                        put_job(w, r->id, "restart");
                        put_job(w, r->id, "delete");
                }
        }
        put_job(w, "client_234567234567", "restart");
}

/* What has been done, or is about nothing, is not done again and does not stay either. */
static void test_stale_jobs(void **state)
{
        World *w = world_created(VARIANT_STRIP);
        _cleanup_ask_ Ask a = { 0 };

        ask_delete(w, &a, world_id(w));
        world_run(w);
        ask_create(w, &a, VARIANT_ALONE);
        world_run(w);
        restart_daemon(w, put_stale_jobs);
        for (const Instance *i = world_first(w); i; i = manager_next_instance(w->manager, i->id))
                assert_null(i->job);
        world_run(w);
        assert_int_equal(fake_ports_count(w->ports, STORE_JOB), 0);
        world_check(w);
        world_free(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_delete_deadline),
                cmocka_unit_test(test_undo_deadline),
                cmocka_unit_test(test_left_behind_at_start),
                cmocka_unit_test(test_left_behind_is_deleted),
                cmocka_unit_test(test_no_file_for_a_while),
                cmocka_unit_test(test_no_file_at_all),
                cmocka_unit_test(test_no_file_for_calls),
                cmocka_unit_test(test_lost_stream),
                cmocka_unit_test(test_stale_jobs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
