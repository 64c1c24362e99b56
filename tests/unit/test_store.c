/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/ports.h"
#include "store-fixture.h"
#include "store/link.h"

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

        /* Of one there is no record any more, and one is in the stream no more. */
        (void) peer_ask("DEL job:foreign");
        assert_string_equal(load(&f), "3/k={\"kind\":\"create\"} 3/j={\"kind\":\"create\"} ");
        assert_int_equal(commit(&f, dequeue, 1), 0); /* what is answered has been preceded by the repair */
        assert_string_equal(peer_ask("XLEN ark:jobs"), "1");
        assert_string_equal(n_claimed(), "1");
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

static void test_bad_arguments(void **state)
{
        _cleanup_free_ StoreWrite *many = new0(StoreWrite, 9000);
        _cleanup_free_ char *text = calloc(1, (2U << 20) + 1);
        StoreWrite large = { .kind = STORE_SECRET, .id = "l", .text = text };
        Pending *pending;
        Store *store = NULL;
        Fixture f;

        setup(&f);
        memset(text, 'x', 2U << 20);
        assert_int_equal(try_commit(&f, many, 9000, &pending), -E2BIG);
        assert_int_equal(try_commit(&f, many, 0, &pending), -EINVAL);
        assert_int_equal(try_commit(&f, &large, 1, &pending), -E2BIG);
        assert_int_equal(store_new(f.event, "redis", "unit-test", &store), -EINVAL);
        close_store(&f);
}

/* Redis tells back what it was sent, of which that was cut off in mid-character. */
static void test_reason(void **state)
{
        _cleanup_free_ char *reason = store_reason("Redis refused the change", "ERR unknown 'a\xc3'");

        assert_string_equal(reason, "Redis refused the change: ERR unknown 'a\xef\xbf\xbd'");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_schema),
                cmocka_unit_test(test_jobs_survive),
                cmocka_unit_test(test_sets_are_rebuilt),
                cmocka_unit_test(test_tombstone_vanishes),
                cmocka_unit_test(test_group_vanishes),
                cmocka_unit_test(test_bad_arguments),
                cmocka_unit_test(test_reason),
        };
        int r = peer_prepare();

        if (r != 0)
                return r;
        peer_start();
        r = cmocka_run_group_tests(tests, NULL, NULL);
        peer_finish();
        return r;
}
