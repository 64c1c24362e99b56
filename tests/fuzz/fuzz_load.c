/* SPDX-License-Identifier: MIT */

/*
 * What the store has when arkd starts, and what comes of it: the manager loads, each instance has a job or waits for
 * none, each comes to an end on an engine where all goes well, and what was written can be loaded again. Each line of
 * the input is a record: a letter for its kind, its id and its text ("J j1 {…}"); "Q" is a job that the stream names too.
 */

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/string-util.h"
#include "core/instance.h"
#include "core/manager.h"
#include "fake_clock.h"
#include "fake_ports.h"
#include "fuzz.h"

#define RECORDS_MAX 16U
#define STEPS_MAX   20000U

typedef struct Outcome {
        unsigned n_instances, n_products, n_running;
} Outcome;

static char compose_dir[64];

/* ---- Records ----------------------------------------------------------------------------------------------- */

static void add_entry(FakePorts *p, const char *job)
{
        p->stream = reallocarray(p->stream, p->n_stream + 1, sizeof(FakeEntry));
        assert(p->stream);
        p->stream[p->n_stream++] = (FakeEntry){ ++p->serial, strdup(job) };
}

static void add_record(FakePorts *p, char *line, uint64_t score)
{
        static const char letters[] = { [STORE_PRODUCT] = 'P',
                [STORE_INSTANCE] = 'I',
                [STORE_SECRET] = 'S',
                [STORE_JOB] = 'J',
                [STORE_MARK] = 'M' };
        bool queued = line[0] == 'Q';
        const char *letter = memchr(letters, queued ? 'J' : line[0], sizeof letters);
        char *id, *text = line[0] && line[1] == ' ' ? line + 2 : NULL;

        id = text ? strsep(&text, " ") : NULL;
        if (!letter || !text || !id[0])
                return;
        fake_ports_put(p, (StoreKind) (letter - letters), id, text, score);
        if (queued)
                add_entry(p, id);
}

static void add_records(FakePorts *p, const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = strndup((const char *) data, size);
        char *rest = text, *line;

        assert(text);
        for (unsigned n = 0; n < RECORDS_MAX && (line = strsep(&rest, "\n")); n++)
                add_record(p, line, n);
}

/* ---- A life of arkd ---------------------------------------------------------------------------------------- */

static Manager *start(FakePorts *p)
{
        const ManagerSettings settings = {
                .base_url = "http://host.example:3000",
                .deployment = "d1",
                .compose_dir = compose_dir,
                .subnet_pool = "10.231.0.0/16",
                .expires_usec = 30 * USEC_PER_DAY,
                .tombstone_usec = 30 * USEC_PER_DAY,
                .workers = 2,
                .queue_max = 100,
                .retry_max = 5,
                .instances_max = 900,
                .quota_total = 100,
                .quota_identity = 5,
                .quota_rate = 10,
        };
        Manager *m = NULL;
        int r;

        r = manager_new(p->event, &settings, &p->engine, &p->store, &p->probe, &m);
        assert(r >= 0);
        r = manager_start(m);
        assert(r >= 0);
        while (!manager_is_loaded(m)) {
                bool more = fake_ports_step(p);

                assert(more);
        }
        return m;
}

static void stop(FakePorts *p, Manager *m)
{
        fake_ports_crash(p, true);
        (void) manager_free(m);
        fake_ports_crashed(p);
}

static bool is_on_its_way(const Instance *i)
{
        return i->status == INSTANCE_PENDING || i->status == INSTANCE_DELETING;
}

static void check_loaded(Manager *m)
{
        for (Instance *i = manager_next_instance(m, NULL); i; i = manager_next_instance(m, i->id))
                assert(i->job || !is_on_its_way(i));
}

static void run(FakePorts *p)
{
        for (unsigned n = 0; fake_ports_step(p); n++)
                assert(n < STEPS_MAX);
}

static Outcome check_settled(Manager *m)
{
        Outcome outcome = {};

        for (Instance *i = manager_next_instance(m, NULL); i; i = manager_next_instance(m, i->id)) {
                assert(!i->job && !is_on_its_way(i));
                outcome.n_instances++;
                outcome.n_running += i->status == INSTANCE_RUNNING;
        }
        for (Product *q = manager_next_product(m, NULL); q; q = manager_next_product(m, q->id))
                outcome.n_products++;
        return outcome;
}

static void live_twice(FakePorts *p)
{
        Outcome before, after;
        Manager *m;

        m = start(p);
        check_loaded(m);
        run(p);
        before = check_settled(m);
        stop(p, m);
        m = start(p);
        after = check_settled(m);
        run(p);
        stop(p, m);
        assert(before.n_instances == after.n_instances && before.n_running == after.n_running &&
                        before.n_products == after.n_products);
}

/* ---- Compose files ----------------------------------------------------------------------------------------- */

static void make_compose_dir(void)
{
        if (compose_dir[0])
                return;
        (void) snprintf(compose_dir, sizeof compose_dir, "%s/ark-fuzz-%d",
                        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int) getpid());
}

static void remove_compose_dir(void)
{
        DIR *dir = opendir(compose_dir);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                (void) unlinkat(dirfd(dir), entry->d_name, 0);
        if (dir)
                (void) closedir(dir);
        (void) rmdir(compose_dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static sd_event *event;
        FakePorts *p;

        fuzz_quiet();
        if (!event && sd_event_new(&event) < 0)
                return 0;
        make_compose_dir();
        fake_clock_reset();
        p = fake_ports_new(event);
        p->foreign = true;
        add_records(p, data, size);
        live_twice(p);
        fake_ports_free(p);
        remove_compose_dir();
        return 0;
}
