/* SPDX-License-Identifier: MIT */
#include "bus_fixture.h"
#include "core/registry/counters.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "basic/time-util.h"
#include "core/model/instance.h"
#include "core/registry/context.h"
#include "core/registry/registry.h"

/* ---- Many calls, and callers that vanish ------------------------------------------------------------------- */

typedef struct Many {
        unsigned replies, refused, failed;
} Many;

static int on_one_of_many(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        Many *many = userdata;

        if (!sd_bus_message_get_error(m))
                many->replies++;
        else if (streq(sd_bus_message_get_error(m)->name, SD_BUS_ERROR_LIMITS_EXCEEDED))
                many->refused++;
        else
                many->failed++;
        return 0;
}

static void call_many(sd_bus *bus, const char *member, const char *id, unsigned n, Many *many)
{
        for (unsigned i = 0; i < n; i++)
                assert_true(sd_bus_call_method_async(bus, NULL, BUS_NAME, BUS_PATH, BUS_MANAGER_INTERFACE,
                                            member, on_one_of_many, many, "s", id) >= 0);
}

static bool all_refused(Fixture *f, void *userdata)
{
        return ((Many *) userdata)->refused == 2000 - BUS_CALLS_SENDER_MAX;
}

static bool all_answered(Fixture *f, void *userdata)
{
        const Many *many = userdata;

        return many->replies + many->refused + many->failed == 2000;
}

static bool waiting_is(Fixture *f, void *userdata)
{
        return fake_waiting(f->manager) == *(unsigned *) userdata;
}

static void test_many_in_flight(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        unsigned expected = BUS_CALLS_SENDER_MAX;
        Many many = { 0 };

        fake_hold_deletions(f->manager, true);
        call_many(f->client, "DeleteInstance", i->id, 2000, &many);
        fixture_run_until(f, all_refused, &many);
        fixture_run_until(f, waiting_is, &expected);
        /* Others are served meanwhile. */
        sd_bus *other = fixture_connect(f);
        Many two = { 0 };
        call_many(other, "GetInstance", i->id, 1, &two);
        while (two.replies == 0)
                assert_true(sd_event_run(f->event, USEC_PER_SEC) >= 0);
        fake_end_deletions(f->manager);
        fixture_run_until(f, all_answered, &many);
        assert_int_equal(many.replies, BUS_CALLS_SENDER_MAX);
        assert_int_equal(many.failed, 0);
        assert_int_equal(f->api->n_calls, 0);
        sd_bus_flush_close_unref(other);
}

static void test_limit_of_all(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        sd_bus *others[2] = { fixture_connect(f), fixture_connect(f) };
        unsigned full = BUS_CALLS_MAX, none = 0;
        Many many = { 0 };

        fake_hold_deletions(f->manager, true);
        for (size_t k = 0; k < 2; k++)
                call_many(others[k], "DeleteInstance", i->id, BUS_CALLS_SENDER_MAX, &many);
        fixture_run_until(f, waiting_is, &full);
        assert_error(manager_call(f, "GetInstance", "s", i->id), SD_BUS_ERROR_LIMITS_EXCEEDED,
                        "Too many calls");
        /* They go, and there is room again. */
        for (size_t k = 0; k < 2; k++)
                sd_bus_close_unref(others[k]);
        fixture_run_until(f, waiting_is, &none);
        sd_bus_message_unref(assert_reply(manager_call(f, "GetInstance", "s", i->id), "o"));
        assert_int_equal(many.replies + many.failed, 0);
}

static void test_caller_vanishes(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        unsigned three = 3, one = 1;
        sd_bus *other = fixture_connect(f);
        Many theirs = { 0 }, ours = { 0 };

        fake_hold_deletions(f->manager, true);
        call_many(other, "DeleteInstance", i->id, 2, &theirs);
        call_many(f->client, "DeleteInstance", i->id, 1, &ours);
        fixture_run_until(f, waiting_is, &three);
        sd_bus_close_unref(other);
        fixture_run_until(f, waiting_is, &one);
        fake_end_deletions(f->manager);
        fixture_settle(f);
        assert_int_equal(ours.replies, 1);
        assert_int_equal(theirs.replies + theirs.failed, 0);
        assert_int_equal(f->api->n_calls, 0);
}

/* Gone before it is known who they are. */
static void test_caller_vanishes_early(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");

        for (unsigned n = 0; n < 20; n++) {
                sd_bus *other = fixture_connect(f);
                Many many = { 0 };

                call_many(other, "GetInstance", i->id, 5, &many);
                assert_true(sd_bus_flush(other) >= 0);
                for (unsigned k = 0; k < n % 5; k++)
                        assert_true(sd_event_run(f->event, 0) >= 0);
                sd_bus_close_unref(other);
        }
        fixture_settle(f);
        assert_int_equal(f->api->n_calls, 0);
}

/* The service goes while calls wait. */
static void test_free_with_calls(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        unsigned ten = 10;
        Many many = { 0 };

        fake_hold_deletions(f->manager, true);
        call_many(f->client, "DeleteInstance", i->id, 10, &many);
        fixture_run_until(f, waiting_is, &ten);
        f->api = bus_api_free(f->api);
        assert_int_equal(fake_waiting(f->manager), 0);
}

static void test_no_reply_wanted(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        MESSAGE *call = NULL;

        assert_true(sd_bus_message_new_method_call(f->client, &call, BUS_NAME, BUS_PATH,
                                    BUS_MANAGER_INTERFACE, "DeleteInstance") >= 0);
        assert_true(sd_bus_message_append(call, "s", i->id) >= 0);
        assert_true(sd_bus_message_set_expect_reply(call, false) >= 0);
        assert_true(sd_bus_send(f->client, call, NULL) >= 0);
        fixture_settle(f);
        sd_bus_message_unref(manager_call(f, "ListProducts", NULL));
        assert_int_equal(i->status, INSTANCE_DELETED);
        assert_int_equal(f->api->n_calls, 0);
}

/* ---- Strangers --------------------------------------------------------------------------------------------- */

static bool child_ended(Fixture *f, void *userdata)
{
        siginfo_t info = { 0 };

        return waitid(P_PID, (id_t) * (pid_t *) userdata, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid != 0;
}

/* What busctl answers nobody in particular: its exit status and what it prints. */
static int call_as_stranger(Fixture *f, const char *path, const char *interface, const char *member,
                const char *signature, const char *const arguments[5], char output[1024])
{
        _cleanup_free_ char *address = str_printf("--address=%s", f->address);
        const char *argv[] = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "busctl",
                address, "call", BUS_NAME, path, interface, member, signature, arguments[0], arguments[1],
                arguments[2], arguments[3], arguments[4], NULL };
        _cleanup_free_ char *file = str_printf("%s/output", f->directory);
        posix_spawn_file_actions_t actions;
        _cleanup_close_ int fd = open(file, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
        ssize_t n;
        int status;
        pid_t pid;

        assert_true(fd >= 0);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fd, 1);
        posix_spawn_file_actions_adddup2(&actions, fd, 2);
        assert_int_equal(posix_spawnp(&pid, argv[0], &actions, NULL, (char **) argv, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
        fixture_run_until(f, child_ended, &pid);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        n = pread(fd, output, 1023, 0);
        assert_true(n >= 0);
        output[n] = '\0';
        (void) unlink(file);
        return status;
}

static void assert_says(const char *output, const char *text)
{
        if (!strstr(output, text))
                fail_msg("\"%s\" does not say \"%s\"", output, text);
}

static void test_stranger(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        const char *const id[5] = { i->id }, *const none[5] = { NULL },
                          *const level[5] = { BUS_LOG_INTERFACE, "LogLevel", "s", "debug" };
        int before = log_get_max_level();
        char output[1024];

        if (geteuid() != 0)
                skip();
        assert_int_not_equal(call_as_stranger(f, BUS_PATH, BUS_MANAGER_INTERFACE, "DeleteInstance", "s", id,
                                             output),
                        0);
        assert_says(output, "Access denied");
        assert_int_equal(i->status, INSTANCE_PENDING);
        assert_int_not_equal(call_as_stranger(f, BUS_LOG_PATH, PROPERTIES, "Set", "ssv", level, output), 0);
        assert_says(output, "Access denied");
        assert_int_equal(log_get_max_level(), before);
        assert_int_equal(fake_ran(f->manager), 0);
        assert_int_equal(manager_counters(f->manager)->bus_denied, 2);
        /* What is open to local users. */
        assert_int_equal(call_as_stranger(f, BUS_PATH, BUS_MANAGER_INTERFACE, "ListProducts", NULL, none,
                                         output),
                        0);
        assert_string_equal(fake_last_caller(f->manager), "uid:65534");
}

/* ---- Counting ---------------------------------------------------------------------------------------------- */

static void assert_counted(Fixture *f, uint64_t succeeded, uint64_t failed, uint64_t abandoned)
{
        const Counters *c = manager_counters(f->manager);

        assert_int_equal(c->bus[BUS_SUCCEEDED], succeeded);
        assert_int_equal(c->bus[BUS_FAILED], failed);
        assert_int_equal(c->bus[BUS_ABANDONED], abandoned);
}

static void test_counted(void **state)
{
        Fixture *f = *state;
        Instance *i = fake_add_instance(f->manager, "shop", "Acme");
        sd_bus *other = fixture_connect(f);
        unsigned two = 2, none = 0;
        Many many = { 0 };

        sd_bus_message_unref(assert_reply(manager_call(f, "GetInstance", "s", i->id), "o"));
        assert_counted(f, 1, 0, 0);
        assert_error(manager_call(f, "GetInstance", "s", "none"), "NoSuchInstance", "none");
        assert_counted(f, 1, 1, 0);
        /* Refused before it is anything: by its arguments, and by its result, which cannot be written. */
        assert_error(manager_call(f, "ListInstances", "a{sv}", 1, "colour", "s", "red"), "InvalidArgument",
                        "colour");
        assert_counted(f, 1, 2, 0);
        fake_remove_instance(f->manager, fake_add_instance(f->manager, "shop", "B"), true);
        assert_error(manager_call(f, "GetInstance", "s", manager_next_instance(f->manager, i->id)->id),
                        "NoSuchInstance", "deleted");
        assert_counted(f, 1, 3, 0);
        fake_hold_deletions(f->manager, true);
        call_many(other, "DeleteInstance", i->id, 2, &many);
        fixture_run_until(f, waiting_is, &two);
        sd_bus_close_unref(other);
        fixture_run_until(f, waiting_is, &none);
        assert_counted(f, 1, 3, 2);
        assert_int_equal(manager_counters(f->manager)->bus_denied, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BUS_TEST(test_many_in_flight),
                BUS_TEST(test_limit_of_all),
                BUS_TEST(test_caller_vanishes),
                BUS_TEST(test_caller_vanishes_early),
                BUS_TEST(test_free_with_calls),
                BUS_TEST(test_no_reply_wanted),
                BUS_TEST(test_counted),
                BUS_TEST(test_stranger),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
