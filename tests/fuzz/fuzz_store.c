/* SPDX-License-Identifier: MIT */

/*
 * The store, on a Redis that answers with anything (fake_redis.h): each call ends exactly once and in time, with a
 * reason that can be shown. Each letter of the input's first line is a call that is made once the store is connected:
 * a load, or a commit of some of its kinds; after a digit so many more turns are taken before all is dropped.
 */

#include <errno.h>
#include <limits.h>

#include "basic/time-util.h"
#include "basic/utf8.h"
#include "core/ports.h"
#include "fake_redis.h"
#include "fuzz.h"
#include "hurried_clock.h"
#include "store/store.h"

#define TIMEOUT      (5 * USEC_PER_SEC)
#define CALLS_MAX    4U
#define REFUSED_MAX  100U
#define TURNS_MAX    200000U
#define SILENT_TURNS 50U

typedef struct Call {
        Pending *pending;
        uint64_t deadline;
        bool ended;
} Call;

static Call calls[CALLS_MAX];
static size_t n_calls, n_wanted;
static const char *wanted; /* letters of calls that are still to be made */
static bool loading;

static void on_done(int error, const char *reason, void *userdata)
{
        Call *c = userdata;

        assert(!c->ended && error <= 0 && error > -4096 && hurried_now() <= c->deadline);
        c->ended = true;
        c->pending = NULL;
        assert(error == 0 || (reason && reason[0] && utf8_is_valid(reason, strlen(reason))));
}

static void on_loaded(int error, const char *reason, void *userdata)
{
        loading = false;
        on_done(error, reason, userdata);
}

static void on_record(StoreKind kind, const char *id, const char *text, void *userdata)
{
        assert(!((Call *) userdata)->ended && kind < STORE_IDEMPOTENCY && id && id[0] && text);
}

static int commit(StorePort *s, Call *c)
{
        static const StoreWrite writes[] = {
                { STORE_PUT, STORE_INSTANCE, "client_a", "{}", 1764000000000000, 0 },
                { STORE_PUT, STORE_PRODUCT, "shop", "{}", 0, 0 },
                { STORE_PUT, STORE_IDEMPOTENCY, "k", "client_a", 0, USEC_PER_SEC },
                { STORE_ENQUEUE, 0, "j2", NULL, 0, 0 },
                { STORE_DELETE, STORE_JOB, "j1", NULL, 0, 0 },
                { STORE_DEQUEUE, 0, "j1", NULL, 0, 0 },
        };

        return s->vtable->commit(s, writes, ELEMENTSOF(writes), TIMEOUT, on_done, c, &c->pending);
}

static int call(StorePort *s, char letter, Call *c)
{
        const StoreWrite write = { STORE_DELETE, STORE_SECRET, "client_a", NULL, 0, 0 };
        int r;

        switch (letter) {
        case 'l':
                r = s->vtable->load(s, TIMEOUT, on_record, on_loaded, c, &c->pending);
                assert((r == -EBUSY) == loading);
                loading = loading || r >= 0;
                return r;
        case 'c':
                return commit(s, c);
        case 'd':
                return s->vtable->commit(s, &write, 1, TIMEOUT, on_done, c, &c->pending);
        default:
                return -EINVAL;
        }
}

static void make_calls(StorePort *s)
{
        for (; n_wanted > 0 && n_calls < CALLS_MAX && s->vtable->is_connected(s); wanted++, n_wanted--) {
                Call *c = &calls[n_calls];

                *c = (Call){ .deadline = hurried_now() + TIMEOUT + USEC_PER_MSEC };
                n_calls += call(s, *wanted, c) >= 0;
        }
}

static void on_connected(bool connected, void *userdata)
{
        StorePort *s = userdata;

        assert(connected == s->vtable->is_connected(s));
        make_calls(s);
}

static bool all_ended(void)
{
        for (size_t i = 0; i < n_calls; i++)
                if (!calls[i].ended)
                        return false;
        return true;
}

/* The store tries again for ever: after the input it has its time, and no more. */
static void run(sd_event *event, unsigned turns)
{
        unsigned silent = 0, n_told = 0;

        for (unsigned n = 0; n < turns && silent < SILENT_TURNS; n++) {
                if (!hurried_step(event))
                        break;
                assert(n < TURNS_MAX && fake_redis.n_refused <= REFUSED_MAX);
                silent = all_ended() && n_told == fake_redis.n_told ? silent + 1 : 0;
                n_told = fake_redis.n_told;
        }
        assert(turns != UINT_MAX || all_ended());
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
        const char *data = (const char *) input, *stop = memchr(data, '\n', size);
        size_t n = stop ? (size_t) (stop - data) : size;
        unsigned turns = UINT_MAX;
        Store *store = NULL;
        int r;

        fuzz_quiet();
        hurried_reset();
        fake_redis_begin(stop ? stop + 1 : data + size, stop ? size - n - 1 : 0);
        wanted = data;
        n_wanted = n;
        n_calls = 0;
        loading = false;
        for (size_t i = 0; i < n; i++)
                if (data[i] >= '0' && data[i] <= '9')
                        turns = turns == UINT_MAX ? (unsigned) (data[i] - '0') : turns * 2;
        r = store_new(hurried_event(), "/run/redis.sock", "d1", &store);
        assert(r >= 0);
        store_port(store)->vtable->watch(store_port(store), on_connected, NULL, store_port(store));
        run(hurried_event(), turns);
        for (size_t i = 0; i < n_calls; i++)
                calls[i].pending = pending_cancel(calls[i].pending);
        (void) store_free(store);
        assert(fake_redis.n_live == 0);
        return 0;
}
