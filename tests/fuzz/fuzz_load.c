/* SPDX-License-Identifier: MIT */

/*
 * What the store has when arkd starts, and what comes of it: the manager loads, each instance has a job or waits for
 * none, each comes to an end on an engine where all goes well, and what was written can be loaded again. Each line of
 * the input is a record: a letter for its kind, its id and its text ("J j1 {…}"); "Q" is a job that the stream names too.
 */

#include "basic/string-util.h"
#include "core/ports.h"
#include "core/registry/context.h"
#include "core_life.h"
#include "fuzz.h"

#define RECORDS_MAX 16U

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

/* ---- Two lives --------------------------------------------------------------------------------------------- */

static void live_twice(FakePorts *p)
{
        LifeCount before, after;
        Manager *m;

        m = life_start(p);
        before = life_run(p, m);
        life_stop(p, m);
        m = life_start(p);
        after = life_run(p, m);
        life_stop(p, m);
        assert(before.n_instances == after.n_instances && before.n_running == after.n_running &&
                        before.n_products == after.n_products);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FakePorts *p;

        fuzz_quiet();
        p = life_new();
        p->foreign = true;
        add_records(p, data, size);
        live_twice(p);
        life_free(p);
        return 0;
}
