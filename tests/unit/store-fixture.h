/* SPDX-License-Identifier: MIT */
#pragma once

/* A store on the test's own Redis, and what came back from it. Include cmocka.h before. */

#include "basic/string-util.h"
#include "core/ports.h"
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
        uint64_t generation; /* as it was last told */
        unsigned n_raised, n_read; /* how often by a commit, and otherwise */
        char stored_generation[32]; /* as loaded */
        Pending *other; /* cancelled by what ends or is loaded next */
        bool free_on_done;
} Fixture;

_unused_ static void on_connected(bool connected, void *userdata)
{
        Fixture *f = userdata;

        if (connected)
                f->n_up++;
        else
                f->n_down++;
        assert_true(f->port->vtable->is_connected(f->port) == connected);
}

_unused_ static void on_generation(uint64_t generation, bool raised, void *userdata)
{
        Fixture *f = userdata;

        f->generation = generation;
        f->n_raised += raised;
        f->n_read += !raised;
}

_unused_ static void on_done(int error, const char *reason, void *userdata)
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

_unused_ static void on_record(StoreKind kind, const char *id, const char *text, void *userdata)
{
        Fixture *f = userdata;

        if (kind == STORE_GENERATION) {
                assert_string_equal(id, "unit-test");
                (void) snprintf(f->stored_generation, sizeof f->stored_generation, "%s", text);
                return;
        }
        f->n_records++;
        (void) snprintf(f->loaded + strlen(f->loaded), sizeof f->loaded - strlen(f->loaded), "%d/%s=%s ",
                        (int) kind, id, text);
        f->other = pending_cancel(f->other);
}

_unused_ static void on_loaded(int error, const char *reason, void *userdata)
{
        Fixture *f = userdata;

        f->error = error;
        (void) snprintf(f->reason, sizeof f->reason, "%s", strempty(reason));
        f->n_loaded++;
}

_unused_ static void open_store(Fixture *f)
{
        *f = (Fixture){ 0 };
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(store_new(f->event, peer_socket, "unit-test", &f->store), 0);
        f->port = store_port(f->store);
        f->port->vtable->watch(f->port, on_connected, on_generation, f);
}

_unused_ static void close_store(Fixture *f)
{
        f->store = store_free(f->store);
        assert_int_equal(sd_event_run(f->event, 0), 0); /* nothing of it is left in the loop */
        f->event = sd_event_unref(f->event);
}

_unused_ static void setup(Fixture *f)
{
        assert_string_equal(peer_ask("FLUSHALL"), "OK");
        open_store(f);
        RUN_UNTIL(f->event, f->n_up == 1);
}

_unused_ static int try_commit(Fixture *f, const StoreWrite *writes, size_t n, Pending **ret)
{
        return f->port->vtable->commit(f->port, writes, n, TIMEOUT, on_done, f, ret);
}

_unused_ static Pending *start(Fixture *f, const StoreWrite *writes, size_t n)
{
        Pending *pending = NULL;
        unsigned before = f->n_done;

        assert_int_equal(try_commit(f, writes, n, &pending), 0);
        assert_int_equal(f->n_done, before);
        return pending;
}

_unused_ static int commit(Fixture *f, const StoreWrite *writes, size_t n)
{
        unsigned before = f->n_done;

        (void) start(f, writes, n);
        RUN_UNTIL(f->event, f->n_done == before + 1);
        return f->error;
}

_unused_ static const char *load(Fixture *f)
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

_unused_ static const StoreWrite one_job[] = { JOB("j") };
_unused_ static const StoreWrite one_secret = {
        .verb = STORE_PUT, .kind = STORE_SECRET, .id = "s", .text = "x"
};

_unused_ static const char *n_claimed(void)
{
        return peer_ask("EVAL %s 0", "return redis.call('XPENDING', 'ark:jobs', 'arkd')[1]");
}
