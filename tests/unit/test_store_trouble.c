/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/ports.h"
#include "store-fixture.h"

static void test_killed_in_flight(void **state)
{
        static const StoreWrite dequeue[] = { { .verb = STORE_DEQUEUE, .id = "j" } };
        Pending *pending;
        Fixture f;

        setup(&f);
        for (unsigned round = 1; round <= 3; round++) {
                f.n_done = f.n_ok = f.n_lost = 0;
                for (int i = 0; i < 100; i++)
                        (void) start(&f, one_job, ELEMENTSOF(one_job));
                for (unsigned i = 0; i < round; i++)
                        (void) sd_event_run(f.event, 0);
                peer_kill();
                RUN_UNTIL(f.event, f.n_down == round);
                assert_int_equal(f.n_done, 100);
                assert_int_equal(f.n_ok + f.n_lost, 100);
                assert_int_equal(try_commit(&f, &one_secret, 1, &pending), -ENOTCONN);
                assert_int_equal(f.port->vtable->load(f.port, TIMEOUT, on_record, on_loaded, &f, &pending),
                                -ENOTCONN);
                peer_start();
                RUN_UNTIL(f.event, f.n_up == round + 1);
        }
        /* Whatever took effect without our knowing is found, and can be taken away. */
        assert_int_equal(commit(&f, dequeue, 1), 0);
        assert_string_equal(peer_ask("XLEN ark:jobs"), "0");
        assert_string_equal(n_claimed(), "0");
        close_store(&f);
}

static void assert_refused(Fixture *f, int error, const char *words)
{
        assert_int_equal(commit(f, one_job, ELEMENTSOF(one_job)), error);
        assert_non_null(strstr(f->reason, words));
        assert_string_equal(peer_ask("EXISTS job:j"), "0"); /* nothing of it was done */
}

/* Redis takes no writes: the connection counts as lost until it does. */
static void assert_takes_none(Fixture *f, const char *words, const char *key, const char *value)
{
        unsigned n_up = f->n_up, n_down = f->n_down;
        Pending *pending;

        assert_refused(f, -EROFS, words);
        RUN_UNTIL(f->event, f->n_down == n_down + 1);
        for (unsigned i = 0; i < 3; i++)
                (void) sd_event_run(f->event, 100 * USEC_PER_MSEC);
        assert_int_equal(try_commit(f, &one_secret, 1, &pending), -ENOTCONN);
        assert_int_equal(f->n_up, n_up);
        (void) (key ? peer_ask("CONFIG SET %s %s", key, value) : peer_ask("REPLICAOF NO ONE"));
        RUN_UNTIL(f->event, f->n_up == n_up + 1);
        assert_int_equal(f->n_down, n_down + 1);
}

static void test_refusals(void **state)
{
        uint64_t end = now_monotonic() + PATIENCE_US;
        Fixture f;

        setup(&f);
        (void) peer_ask("CONFIG SET maxmemory 1");
        assert_refused(&f, -ENOSPC, "OOM command not allowed when used memory > 'maxmemory'");
        (void) peer_ask("CONFIG SET maxmemory 0");
        (void) peer_ask("REPLICAOF 127.0.0.1 1");
        assert_takes_none(&f, "READONLY You can't write against a read only replica", NULL, NULL);
        (void) peer_ask("CONFIG SET min-replicas-to-write 1");
        assert_takes_none(&f, "NOREPLICAS Not enough good replicas", "min-replicas-to-write", "0");
        /* A snapshot that cannot be written: a folder is in its place. */
        (void) peer_ask("SET filler x");
        (void) peer_ask("CONFIG SET dbfilename .");
        (void) peer_ask("CONFIG SET save %s", "1000000 1");
        (void) peer_ask("BGSAVE");
        while (!strstr(peer_ask("INFO persistence"), "rdb_last_bgsave_status:err") && now_monotonic() < end)
                ;
        assert_takes_none(&f, "MISCONF Redis is configured to save RDB snapshots", "save", "");
        /* A command that is not allowed is refused alone. */
        (void) peer_ask("ACL SETUSER default -xadd");
        assert_refused(&f, -EPERM, "NOPERM");
        (void) peer_ask("ACL SETUSER default +@all");
        assert_int_equal(commit(&f, one_job, ELEMENTSOF(one_job)), 0);
        assert_int_equal(f.n_down, 3);
        /* A key of another type is found out only when the commands run. */
        (void) peer_ask("SET products text");
        assert_int_equal(commit(&f, (StoreWrite[]){ { .kind = STORE_PRODUCT, .id = "p", .text = "{}" } }, 1),
                        -EIO);
        assert_non_null(strstr(f.reason, "in part: WRONGTYPE"));
        close_store(&f);
}

static void test_hung(void **state)
{
        Pending *pending;
        unsigned n = 0;
        Fixture f;
        int r;

        setup(&f);
        (void) kill(peer_pid, SIGSTOP);
        assert_int_equal(f.port->vtable->commit(
                                         f.port, one_job, 2, 20 * USEC_PER_MSEC, on_done, &f, &pending),
                        0);
        RUN_UNTIL(f.event, f.n_done == 1);
        assert_int_equal(f.error, -ETIMEDOUT);
        /* What has timed out still counts until it is answered. */
        while ((r = try_commit(&f, &one_secret, 1, &pending)) == 0)
                assert_true(++n < 5000);
        assert_int_equal(r, -EBUSY);
        (void) kill(peer_pid, SIGCONT);
        RUN_UNTIL(f.event, f.n_done == n + 1);
        assert_int_equal(f.n_ok, n);
        /* The late one took effect, and its entry is known. */
        assert_int_equal(commit(&f, (StoreWrite[]){ { .verb = STORE_DEQUEUE, .id = "j" } }, 1), 0);
        assert_string_equal(peer_ask("XLEN ark:jobs"), "0");
        close_store(&f);
}

static void test_cancel(void **state)
{
        bool ended = false;
        Pending *pending;
        Fixture f;

        setup(&f);
        (void) commit(&f, one_job, ELEMENTSOF(one_job));
        f.n_done = 0;
        for (unsigned turns = 0; turns < 4 && f.n_done == 0; turns++) {
                pending = start(&f, one_job, ELEMENTSOF(one_job));
                for (unsigned i = 0; i < turns && f.n_done == 0; i++)
                        (void) sd_event_run(f.event, 0);
                if (f.n_done == 0)
                        (void) pending_cancel(pending);
        }
        for (unsigned turns = 0; turns < 100 && !ended; turns++) {
                f.n_loaded = f.n_records = 0;
                assert_int_equal(f.port->vtable->load(f.port, TIMEOUT, on_record, on_loaded, &f, &pending),
                                0);
                for (unsigned i = 0; i < turns && f.n_loaded == 0; i++)
                        (void) sd_event_run(f.event, 50 * USEC_PER_MSEC);
                ended = f.n_loaded == 1;
                assert_int_equal(f.n_records, ended ? 1 : 0);
                if (!ended)
                        (void) pending_cancel(pending);
        }
        assert_true(ended);

        /* By another's callback; and a load by its own. */
        f.n_done = 0;
        (void) start(&f, &one_secret, 1);
        f.other = start(&f, &one_secret, 1);
        (void) start(&f, &one_secret, 1);
        RUN_UNTIL(f.event, f.n_done == 2);
        f.n_loaded = f.n_records = 0;
        assert_int_equal(f.port->vtable->load(f.port, TIMEOUT, on_record, on_loaded, &f, &f.other), 0);
        RUN_UNTIL(f.event, f.n_records == 1);
        (void) load(&f);
        assert_int_equal(f.n_records, 2);
        close_store(&f);
}

static void test_teardown(void **state)
{
        Pending *pending;
        Fixture f;

        setup(&f);
        for (int i = 0; i < 3; i++)
                (void) start(&f, one_job, ELEMENTSOF(one_job));
        assert_int_equal(f.port->vtable->load(f.port, TIMEOUT, on_record, on_loaded, &f, &pending), 0);
        close_store(&f);
        assert_int_equal(f.n_done + f.n_loaded, 0);

        setup(&f);
        f.free_on_done = true;
        for (int i = 0; i < 3; i++)
                (void) start(&f, one_job, ELEMENTSOF(one_job));
        RUN_UNTIL(f.event, f.n_done == 1);
        close_store(&f);

        setup(&f);
        f.free_on_done = true;
        for (int i = 0; i < 3; i++)
                (void) start(&f, one_job, ELEMENTSOF(one_job));
        peer_kill();
        RUN_UNTIL(f.event, f.n_done == 1);
        close_store(&f);
        assert_int_equal(f.n_down, 0);
        peer_start();
}

static void test_loading(void **state)
{
        static const char *const slow[] = { "--key-load-delay", "200", NULL };
        bool seen = false;
        Pending *pending;
        Fixture f;

        setup(&f);
        close_store(&f);
        (void) peer_ask("EVAL %s 0", "for i = 1, 3000 do redis.call('SET', 'filler:' .. i, 'x') end");
        peer_kill();
        open_store(&f);
        assert_int_equal(try_commit(&f, &one_secret, 1, &pending), -ENOTCONN);
        peer_start_with(slow);
        while (f.n_up == 0) {
                seen = seen || startswith(peer_ask("PING"), "LOADING ");
                (void) sd_event_run(f.event, 10 * USEC_PER_MSEC);
        }
        assert_true(seen);
        assert_string_equal(peer_ask("PING"), "PONG");
        assert_int_equal(commit(&f, &one_secret, 1), 0);
        close_store(&f);
        peer_kill();
        peer_start();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_killed_in_flight),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_hung),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_teardown),
                cmocka_unit_test(test_loading),
        };
        int r = peer_prepare();

        if (r != 0)
                return r;
        peer_start();
        r = cmocka_run_group_tests(tests, NULL, NULL);
        peer_finish();
        return r;
}
