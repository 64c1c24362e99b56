/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "basic/string-util.h"
#include "redis-peer.h"
#include "store/store.h"

#define TIMEOUT (10 * USEC_PER_SEC)

typedef struct Fixture {
        sd_event *event;
        Store *store;
        StorePort *port;
        unsigned n_up, n_down;
        unsigned n_done, n_ok, n_lost; /* commits */
        int error; /* of the last that ended */
        char reason[512];
        unsigned n_loaded; /* loads */
        unsigned n_records;
        char loaded[4096]; /* "kind/id=text " of each record */
        Pending *other; /* cancelled by what ends or is loaded next */
        bool free_on_done;
} Fixture;

static void on_connected(bool connected, void *userdata)
{
        Fixture *f = userdata;

        if (connected)
                f->n_up++;
        else
                f->n_down++;
        assert_true(f->port->vtable->is_connected(f->port) == connected);
}

static void on_done(int error, const char *reason, void *userdata)
{
        Fixture *f = userdata;

        f->n_done++;
        f->n_ok += error == 0;
        f->n_lost += error == -ENOTCONN;
        f->error = error;
        (void) snprintf(f->reason, sizeof f->reason, "%s", strempty(reason));
        f->other = pending_cancel(f->other);
        if (f->free_on_done)
                f->store = store_free(f->store);
}

static void on_record(StoreKind kind, const char *id, const char *text, void *userdata)
{
        Fixture *f = userdata;

        f->n_records++;
        (void) snprintf(f->loaded + strlen(f->loaded), sizeof f->loaded - strlen(f->loaded), "%d/%s=%s ",
                        (int) kind, id, text);
        f->other = pending_cancel(f->other);
}

static void on_loaded(int error, const char *reason, void *userdata)
{
        Fixture *f = userdata;

        f->error = error;
        (void) snprintf(f->reason, sizeof f->reason, "%s", strempty(reason));
        f->n_loaded++;
}

static void open_store(Fixture *f)
{
        *f = (Fixture){ 0 };
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(store_new(f->event, peer_socket, &f->store), 0);
        f->port = store_port(f->store);
        f->port->vtable->watch(f->port, on_connected, f);
}

static void close_store(Fixture *f)
{
        f->store = store_free(f->store);
        assert_int_equal(sd_event_run(f->event, 0), 0); /* nothing of it is left in the loop */
        f->event = sd_event_unref(f->event);
}

static void setup(Fixture *f)
{
        assert_string_equal(peer_ask("FLUSHALL"), "OK");
        open_store(f);
        RUN_UNTIL(f->event, f->n_up == 1);
}

static int try_commit(Fixture *f, const StoreWrite *writes, size_t n, Pending **ret)
{
        return f->port->vtable->commit(f->port, writes, n, TIMEOUT, on_done, f, ret);
}

static Pending *start(Fixture *f, const StoreWrite *writes, size_t n)
{
        Pending *pending = NULL;
        unsigned before = f->n_done;

        assert_int_equal(try_commit(f, writes, n, &pending), 0);
        assert_int_equal(f->n_done, before);
        return pending;
}

static int commit(Fixture *f, const StoreWrite *writes, size_t n)
{
        unsigned before = f->n_done;

        (void) start(f, writes, n);
        RUN_UNTIL(f->event, f->n_done == before + 1);
        return f->error;
}

static const char *load(Fixture *f)
{
        Pending *pending;

        f->loaded[0] = '\0';
        f->n_loaded = f->n_records = 0;
        assert_int_equal(f->port->vtable->load(f->port, TIMEOUT, on_record, on_loaded, f, &pending), 0);
        assert_int_equal(f->n_loaded + f->n_records, 0);
        RUN_UNTIL(f->event, f->n_loaded == 1);
        assert_int_equal(f->error, 0);
        return f->loaded;
}

#define JOB(n)                                                                                              \
        { .verb = STORE_PUT, .kind = STORE_JOB, .id = (n), .text = "{\"kind\":\"create\"}" },               \
        {                                                                                                   \
                .verb = STORE_ENQUEUE, .id = (n)                                                            \
        }

static const StoreWrite one_job[] = { JOB("j") };
static const StoreWrite one_secret = { .verb = STORE_PUT, .kind = STORE_SECRET, .id = "s", .text = "x" };

static void test_schema(void **state)
{
        static const StoreWrite put[] = {
                { .kind = STORE_PRODUCT, .id = "shop", .text = "{\"id\":\"shop\"}" },
                { .kind = STORE_INSTANCE, .id = "b", .text = "{}", .score = 1764000000000002 },
                { .kind = STORE_INSTANCE, .id = "a", .text = "a \"b\" %s\n", .score = 1764000000000003 },
                { .kind = STORE_INSTANCE, .id = "c", .text = "{}", .score = 1764000000000001 },
                { .kind = STORE_SECRET, .id = "a", .text = "hush" },
                { .kind = STORE_IDEMPOTENCY, .id = "k", .text = "a", .ttl_usec = 90 * USEC_PER_SEC },
                JOB("z"),
                JOB("y"),
        };
        static const StoreWrite drop[] = {
                { .verb = STORE_DEQUEUE, .id = "z" },
                { .verb = STORE_DELETE, .kind = STORE_JOB, .id = "z" },
                { .verb = STORE_DELETE, .kind = STORE_SECRET, .id = "a" },
                { .verb = STORE_DELETE, .kind = STORE_PRODUCT, .id = "shop" },
                { .verb = STORE_DELETE, .kind = STORE_INSTANCE, .id = "b" },
                { .verb = STORE_PUT,
                                .kind = STORE_INSTANCE,
                                .id = "a",
                                .text = "gone",
                                .score = 7,
                                .ttl_usec = 3000 * USEC_PER_SEC },
                { .verb = STORE_DEQUEUE, .id = "unknown" },
        };
        Fixture f;

        setup(&f);
        assert_int_equal(commit(&f, put, ELEMENTSOF(put)), 0);
        assert_string_equal(peer_ask("GET product:shop"), "{\"id\":\"shop\"}");
        assert_string_equal(peer_ask("SMEMBERS products"), "shop");
        assert_string_equal(peer_ask("ZRANGE instances 0 -1 WITHSCORES"),
                        "c 1764000000000001 b 1764000000000002 a 1764000000000003");
        assert_string_equal(peer_ask("GET secret:a"), "hush");
        assert_string_equal(peer_ask("TTL idempotency:k"), "90");
        assert_string_equal(peer_ask("TTL instance:a"), "-1");
        assert_string_equal(peer_ask("XLEN ark:jobs"), "2");
        assert_string_equal(load(&f), "0/shop={\"id\":\"shop\"} 2/a=hush 1/c={} 1/b={} 1/a=a \"b\" %s\n "
                                      "3/z={\"kind\":\"create\"} 3/y={\"kind\":\"create\"} ");

        assert_int_equal(commit(&f, drop, ELEMENTSOF(drop)), 0);
        assert_string_equal(load(&f), "1/a=gone 1/c={} 3/y={\"kind\":\"create\"} ");
        assert_string_equal(peer_ask("TTL instance:a"), "3000");
        assert_string_equal(peer_ask("SMEMBERS products"), "");
        assert_string_equal(peer_ask("ZRANGE instances 0 -1 WITHSCORES"), "a 7 c 1764000000000001");
        assert_string_equal(peer_ask("XLEN ark:jobs"), "1");
        close_store(&f);
}

/* The number of entries that are claimed and not acknowledged. */
static const char *n_claimed(void)
{
        return peer_ask("EVAL %s 0", "return redis.call('XPENDING', 'ark:jobs', 'arkd')[1]");
}

static void test_jobs_survive(void **state)
{
        static const StoreWrite twice[] = { JOB("j"), JOB("k"), JOB("j") };
        static const StoreWrite dequeue[] = { { .verb = STORE_DEQUEUE, .id = "j" } };
        Fixture f;

        setup(&f);
        assert_int_equal(commit(&f, twice, ELEMENTSOF(twice)), 0);
        assert_string_equal(n_claimed(), "3"); /* at once */
        close_store(&f);

        /* Others' entries: one that is a job, one that names none, one that is claimed but was deleted. */
        (void) peer_ask("XADD ark:jobs * job foreign");
        (void) peer_ask("XADD ark:jobs * colour blue");
        (void) peer_ask("XADD ark:jobs 9999999999999-1 job deleted");
        (void) peer_ask("XREADGROUP GROUP arkd arkd STREAMS ark:jobs >");
        (void) peer_ask("XDEL ark:jobs 9999999999999-1");
        (void) peer_ask("SET job:foreign text");
        open_store(&f);
        RUN_UNTIL(f.event, f.n_up == 1);
        assert_string_equal(load(&f), "3/j={\"kind\":\"create\"} 3/k={\"kind\":\"create\"} 3/foreign=text ");
        assert_string_equal(peer_ask("XLEN ark:jobs"), "4");
        assert_string_equal(n_claimed(), "4");
        assert_int_equal(commit(&f, dequeue, 1), 0);
        assert_string_equal(peer_ask("XLEN ark:jobs"), "2");
        assert_string_equal(n_claimed(), "2");
        close_store(&f);
}

static void test_sets_are_rebuilt(void **state)
{
        static const char when[] = "{\"created_at\":\"2026-01-01T00:00:00.%06uZ\"}";
        Fixture f;

        setup(&f);
        for (unsigned i = 0; i < 250; i++) { /* more than a batch */
                char text[64];

                (void) snprintf(text, sizeof text, when, 249 - i);
                (void) peer_ask("SET instance:i%u %s", i, text);
        }
        (void) peer_ask("SET product:lost {}");
        (void) peer_ask("HSET instance:hash a b");
        (void) peer_ask("SADD products ghost");
        (void) peer_ask("ZADD instances 5 ghost 5 i0 inf i1 -3 i2");
        (void) load(&f);
        assert_int_equal(f.n_records, 251);
        assert_non_null(startswith(f.loaded, "0/lost={} 1/i249={"));
        assert_int_equal(commit(&f, &one_secret, 1), 0); /* answered after the repairs */
        assert_string_equal(peer_ask("SMEMBERS products"), "lost");
        assert_string_equal(peer_ask("ZCARD instances"), "250");
        assert_string_equal(peer_ask("ZRANGE instances 0 0 WITHSCORES"), "i249 1767225600000000");
        assert_string_equal(peer_ask("ZRANGE instances 249 249 WITHSCORES"), "i0 1767225600000249");
        close_store(&f);
}

static void test_tombstone_vanishes(void **state)
{
        static const StoreWrite tombstone = { .verb = STORE_PUT,
                .kind = STORE_INSTANCE,
                .id = "t",
                .text = "{}",
                .score = 5,
                .ttl_usec = 20 * USEC_PER_MSEC };
        uint64_t end = now_monotonic() + PATIENCE_US;
        Fixture f;

        setup(&f);
        assert_int_equal(commit(&f, &tombstone, 1), 0);
        while (!streq(peer_ask("EXISTS instance:t"), "0") && now_monotonic() < end)
                ;
        assert_string_equal(peer_ask("ZRANGE instances 0 -1"), "t");
        assert_string_equal(load(&f), "");
        assert_int_equal(commit(&f, &one_secret, 1), 0); /* answered after the repairs */
        assert_string_equal(peer_ask("ZRANGE instances 0 -1"), "");
        close_store(&f);
}

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

static void test_refusals(void **state)
{
        uint64_t end = now_monotonic() + PATIENCE_US;
        Fixture f;

        setup(&f);
        (void) peer_ask("CONFIG SET maxmemory 1");
        assert_refused(&f, -ENOSPC, "OOM command not allowed when used memory > 'maxmemory'");
        (void) peer_ask("CONFIG SET maxmemory 0");
        (void) peer_ask("REPLICAOF 127.0.0.1 1");
        assert_refused(&f, -EROFS, "READONLY You can't write against a read only replica");
        (void) peer_ask("REPLICAOF NO ONE");
        /* A snapshot that cannot be written: a folder is in its place. */
        (void) peer_ask("SET filler x");
        (void) peer_ask("CONFIG SET dbfilename .");
        (void) peer_ask("CONFIG SET save %s", "1000000 1");
        (void) peer_ask("BGSAVE");
        while (!strstr(peer_ask("INFO persistence"), "rdb_last_bgsave_status:err") && now_monotonic() < end)
                ;
        assert_refused(&f, -EIO, "MISCONF Redis is configured to save RDB snapshots");
        (void) peer_ask("CONFIG SET save %s", "");
        assert_int_equal(commit(&f, one_job, ELEMENTSOF(one_job)), 0);
        assert_int_equal(f.n_down, 0);
        /* A key of another type is found out only when the commands run. */
        (void) peer_ask("SET products text");
        assert_int_equal(commit(&f, (StoreWrite[]){ { .kind = STORE_PRODUCT, .id = "p", .text = "{}" } }, 1),
                        -EIO);
        assert_non_null(strstr(f.reason, "in part: WRONGTYPE"));
        close_store(&f);
}

static void test_group_vanishes(void **state)
{
        static const StoreWrite dequeue[] = { { .verb = STORE_DEQUEUE, .id = "j" } };
        Fixture f;

        setup(&f);
        assert_string_equal(peer_ask("XGROUP DESTROY ark:jobs arkd"), "1");
        assert_int_equal(commit(&f, one_job, ELEMENTSOF(one_job)), 0);
        assert_string_equal(load(&f), "3/j={\"kind\":\"create\"} ");
        assert_string_equal(n_claimed(), "0");
        assert_int_equal(commit(&f, one_job, ELEMENTSOF(one_job)), 0); /* the group is there again */
        assert_int_equal(commit(&f, dequeue, 1), 0);
        assert_string_equal(peer_ask("XLEN ark:jobs"), "0");
        assert_string_equal(n_claimed(), "0");
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

static void test_bad_arguments(void **state)
{
        _cleanup_free_ StoreWrite *many = new0(StoreWrite, 2000);
        _cleanup_free_ char *text = calloc(1, (2U << 20) + 1);
        StoreWrite large = { .kind = STORE_SECRET, .id = "l", .text = text };
        Pending *pending;
        Store *store = NULL;
        Fixture f;

        setup(&f);
        memset(text, 'x', 2U << 20);
        assert_int_equal(try_commit(&f, many, 2000, &pending), -E2BIG);
        assert_int_equal(try_commit(&f, many, 0, &pending), -EINVAL);
        assert_int_equal(try_commit(&f, &large, 1, &pending), -E2BIG);
        assert_int_equal(store_new(f.event, "redis", &store), -EINVAL);
        close_store(&f);
}

/* Each stage of a commit and of a load, by the number of turns of the loop before it is cancelled. */
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

/* The store goes away with work under way, from outside and from within a callback. */
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

/* No server at first; then one that takes its time to load. */
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
                cmocka_unit_test(test_schema),
                cmocka_unit_test(test_jobs_survive),
                cmocka_unit_test(test_sets_are_rebuilt),
                cmocka_unit_test(test_tombstone_vanishes),
                cmocka_unit_test(test_killed_in_flight),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_group_vanishes),
                cmocka_unit_test(test_hung),
                cmocka_unit_test(test_bad_arguments),
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
