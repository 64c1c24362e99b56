/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "core/names.h"
#include "core/ports.h"
#include "fake_clock.h"
#include "fake_ports.h"
#include "starve.h"

/* ---- Records ---- */

static FakePorts *ports_of(StorePort *s)
{
        return container_of(s, FakePorts, store);
}

FakeRecord *fake_record_free(FakeRecord *record)
{
        free(record->id);
        free(record->text);
        return mfree(record);
}

static FakeRecord **find(FakePorts *p, StoreKind kind, const char *id)
{
        FakeRecord **r = &p->records;

        while (*r && !((*r)->kind == kind && streq((*r)->id, id)))
                r = &(*r)->next;
        return r;
}

static void delete (FakePorts *p, StoreKind kind, const char *id)
{
        FakeRecord **r = find(p, kind, id), *gone = *r;

        if (gone) {
                *r = gone->next;
                fake_record_free(gone);
        }
}

static void put(FakePorts *p, const FakeRecord *record)
{
        FakeRecord *new = new0(FakeRecord, 1);

        delete (p, record->kind, record->id);
        assert(new);
        *new = *record;
        new->id = strdup(record->id);
        new->text = strdup(record->text);
        new->next = p->records;
        p->records = new;
}

/* Records whose time is over have vanished. */
static bool is_there(const FakeRecord *r)
{
        return r && (r->expires == 0 || r->expires > fake_clock_now());
}

const char *fake_ports_record(FakePorts *p, StoreKind kind, const char *id)
{
        const FakeRecord *r = *find(p, kind, id);

        return is_there(r) ? r->text : NULL;
}

void fake_ports_put(FakePorts *p, StoreKind kind, const char *id, const char *text, uint64_t score)
{
        put(p, &(FakeRecord){ .kind = kind, .id = (char *) id, .text = (char *) text, .score = score });
}

size_t fake_ports_count(FakePorts *p, StoreKind kind)
{
        size_t n = 0;

        for (const FakeRecord *r = p->records; r; r = r->next)
                n += r->kind == kind && is_there(r);
        return n;
}

/* ---- Commit ---- */

/* What an instance's record may never hold. */
static void check_secrecy(FakePorts *p, const FakeRecord *w)
{
        bool has_secret = w->kind == STORE_INSTANCE && !p->foreign;
        const char *secret = has_secret ? fake_ports_record(p, STORE_SECRET, w->id) : NULL;
        _cleanup_json_ struct json_object *json = NULL;
        const char *value;
        int r;

        if (!secret)
                return;
        r = json_parse(secret, strlen(secret), &json, NULL);
        assert(r >= 0);
        if (json_get_string(json, "database_password", &value) >= 0)
                assert(!strstr(w->text, value));
        if (json_get_string(json, "access_token", &value) >= 0)
                assert(!strstr(w->text, value));
        json_object_object_foreach (json_get(json, "secrets"), name, secret_value) {
                (void) name;
                assert(!strstr(w->text, json_object_get_string(secret_value)));
        }
}

static void enqueue(FakePorts *p, const char *job)
{
        p->stream = reallocarray(p->stream, p->n_stream + 1, sizeof(FakeEntry));
        assert(p->stream);
        p->stream[p->n_stream++] = (FakeEntry){ ++p->serial, strdup(job) };
}

static void dequeue(FakePorts *p, unsigned id)
{
        for (size_t i = 0; i < p->n_stream; i++)
                if (p->stream[i].id == id) {
                        free(p->stream[i].job);
                        p->n_stream--;
                        memmove(p->stream + i, p->stream + i + 1, (p->n_stream - i) * sizeof(FakeEntry));
                        return;
                }
}

static bool changes_generation(const FakeOp *op, size_t i)
{
        StoreKind kind = op->writes[i].kind;

        return (op->verbs[i] == STORE_PUT || op->verbs[i] == STORE_DELETE) &&
               (kind == STORE_PRODUCT || kind == STORE_INSTANCE || kind == STORE_SECRET);
}

/* As Redis does it: from what is there. */
static void raise_generation(FakeOp *op)
{
        FakePorts *p = op->ports;
        const char *text = fake_ports_record(p, STORE_GENERATION, "d1");
        bool changes = false;
        char number[32];

        for (size_t i = 0; i < op->n_writes; i++)
                changes = changes || changes_generation(op, i);
        if (!changes)
                return;
        op->generation = (text ? strtoull(text, NULL, 10) : 0) + 1;
        (void) snprintf(number, sizeof number, "%llu", (unsigned long long) op->generation);
        fake_ports_put(p, STORE_GENERATION, "d1", number, 0);
}

static void effect_commit(FakeOp *op)
{
        FakePorts *p = op->ports;

        for (size_t i = 0; i < op->n_writes; i++) {
                FakeRecord *w = op->writes + i;

                if (op->verbs[i] == STORE_PUT) {
                        check_secrecy(p, w);
                        put(p, w);
                } else if (op->verbs[i] == STORE_DELETE)
                        delete (p, w->kind, w->id);
                else if (op->verbs[i] == STORE_ENQUEUE)
                        enqueue(p, w->id);
        }
        for (size_t i = 0; i < op->n_dequeued; i++)
                dequeue(p, op->dequeued[i]);
        raise_generation(op);
}

/* As the real one: which entries a job has is looked up when the commit is sent. */
static void note_dequeued(FakeOp *op, const char *job)
{
        const FakePorts *p = op->ports;

        for (size_t i = 0; i < p->n_stream; i++)
                if (streq(p->stream[i].job, job)) {
                        op->dequeued = reallocarray(op->dequeued, op->n_dequeued + 1, sizeof(unsigned));
                        assert(op->dequeued);
                        op->dequeued[op->n_dequeued++] = p->stream[i].id;
                }
}

static void copy_write(FakeOp *op, size_t i, const StoreWrite *w)
{
        FakeRecord *r = op->writes + i;

        assert(w->id && w->id[0]);
        assert(w->verb != STORE_PUT || w->kind != STORE_IDEMPOTENCY || w->ttl_usec > 0);
        op->verbs[i] = w->verb;
        r->kind = w->kind;
        r->id = strdup(w->id);
        r->text = w->text ? strdup(w->text) : NULL;
        r->score = w->score;
        r->expires = w->ttl_usec ? fake_clock_now() + w->ttl_usec : 0;
        if (w->verb == STORE_DEQUEUE)
                note_dequeued(op, w->id);
}

static void answer(FakeOp *op)
{
        op->done(op->error, op->error < 0 ? op->reason : NULL, op->userdata);
}

static void answer_commit(FakeOp *op)
{
        FakePorts *p = op->ports;

        if (op->error == 0 && op->generation > 0 && p->on_generation)
                p->on_generation(op->generation, true, p->watcher[FAKE_STORE]);
        answer(op);
}

static void describe(const StoreWrite *w, size_t n, char *text, size_t size)
{
        static const char *const verbs[] = { "put", "delete", "enqueue", "dequeue" };
        static const char *const kinds[] = { " product", " instance", " secret", " job", " mark",
                " generation", " idempotency" };
        size_t used = 0;

        text[0] = '\0';
        for (size_t i = 0; i < n && used < size; i++)
                used += (size_t) snprintf(text + used, size - used, " %s%s", verbs[w[i].verb],
                                w[i].verb < STORE_ENQUEUE ? kinds[w[i].kind] : "");
}

static int store_commit(StorePort *s, const StoreWrite *writes, size_t n, uint64_t timeout_usec,
                PortDone done, void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        char text[200];
        FakeOp *op;
        int r;

        assert(n > 0 && ret_pending && done);
        for (size_t i = 0; i < n; i++)
                if (writes[i].verb == STORE_PUT && !writes[i].text)
                        return -ENOMEM;
        describe(writes, n, text, sizeof text);
        r = fake_op_begin(ports_of(s), FAKE_STORE, true, timeout_usec, &op, "commit%s", text);
        if (r < 0)
                return r;
        op->writes = new0(FakeRecord, n);
        op->verbs = new0(StoreVerb, n);
        assert(op->writes && op->verbs);
        op->n_writes = n;
        for (size_t i = 0; i < n; i++)
                copy_write(op, i, writes + i);
        op->effect = effect_commit;
        op->answer = answer_commit;
        op->done = done;
        op->userdata = userdata;
        *ret_pending = &op->pending;
        return 0;
}

/* ---- Copies ---- */

FakeRecord *fake_ports_copy_records(const FakePorts *p)
{
        FakeRecord *first = NULL, **last = &first;

        for (const FakeRecord *r = p->records; r; r = r->next) {
                FakeRecord *copy = new0(FakeRecord, 1);

                assert(copy);
                *copy = *r;
                copy->id = strdup(r->id);
                copy->text = strdup(r->text);
                copy->next = NULL;
                *last = copy;
                last = &copy->next;
        }
        return first;
}

void fake_ports_empty_store(FakePorts *p)
{
        while (p->records) {
                FakeRecord *next = p->records->next;

                fake_record_free(p->records);
                p->records = next;
        }
        while (p->n_stream > 0)
                free(p->stream[--p->n_stream].job);
}

/* ---- Load ---- */

static void deliver(FakeOp *op, StoreKind kind)
{
        uint64_t last = 0;

        for (;;) {
                const FakeRecord *next = NULL;

                for (const FakeRecord *r = op->ports->records; r; r = r->next)
                        if (r->kind == kind && is_there(r) && r->score >= last &&
                                        (!next || r->score < next->score))
                                next = r;
                if (!next)
                        return;
                last = next->score + 1;
                for (const FakeRecord *r = op->ports->records; r; r = r->next)
                        if (r->kind == kind && is_there(r) && r->score == next->score)
                                op->on_record(kind, r->id, r->text, op->userdata);
        }
}

static bool is_in_stream(const FakePorts *p, const char *job)
{
        for (size_t i = 0; i < p->n_stream; i++)
                if (streq(p->stream[i].job, job))
                        return true;
        return false;
}

static void answer_load(FakeOp *op)
{
        FakePorts *p = op->ports;

        if (op->error == 0) {
                deliver(op, STORE_MARK);
                deliver(op, STORE_GENERATION);
                deliver(op, STORE_PRODUCT);
                deliver(op, STORE_SECRET);
                deliver(op, STORE_INSTANCE);
                for (size_t i = 0; i < p->n_stream;) {
                        const char *text = fake_ports_record(p, STORE_JOB, p->stream[i].job);

                        if (text)
                                op->on_record(STORE_JOB, p->stream[i++].job, text, op->userdata);
                        else
                                dequeue(p, p->stream[i].id);
                }
                for (const FakeRecord *r = p->records; r; r = r->next)
                        if (r->kind == STORE_JOB && !is_in_stream(p, r->id))
                                op->on_record(STORE_JOB, r->id, r->text, op->userdata);
        }
        answer(op);
}

static int store_load(StorePort *s, uint64_t timeout_usec, StoreRecordHandler on_record, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        FakeOp *op;
        int r;

        assert(on_record && done && ret_pending);
        r = fake_op_begin(ports_of(s), FAKE_STORE, true, timeout_usec, &op, "load");
        if (r < 0)
                return r;
        op->answer = answer_load;
        op->on_record = on_record;
        op->done = done;
        op->userdata = userdata;
        *ret_pending = &op->pending;
        return 0;
}

static bool store_is_connected(StorePort *s)
{
        return !ports_of(s)->away[FAKE_STORE];
}

static void store_watch(StorePort *s, ConnectedHandler on_connected, StoreGenerationHandler on_generation,
                void *userdata)
{
        ports_of(s)->on_generation = on_generation;
        ports_of(s)->on_connected[FAKE_STORE] = on_connected;
        ports_of(s)->watcher[FAKE_STORE] = userdata;
}

const StoreVTable fake_store_vtable = {
        .load = store_load,
        .commit = store_commit,
        .is_connected = store_is_connected,
        .watch = store_watch,
};

/* ---- Probes ---- */

static FakePorts *ports_of_probe(ProbePort *p)
{
        return container_of(p, FakePorts, probe);
}

static int probe_begin(ProbePort *port, const char *what, const char *address, uint64_t timeout_usec,
                void (*effect)(FakeOp *op), PortDone done, void *userdata, Pending **ret_pending)
{
        FakeOp *op;
        int r;

        assert(address && ret_pending);
        r = fake_op_begin(ports_of_probe(port), FAKE_PROBE, true, timeout_usec, &op, "%s", what);
        if (r < 0)
                return r;
        op->a = strdup(address);
        op->effect = effect;
        op->answer = answer;
        op->done = done;
        op->userdata = userdata;
        *ret_pending = &op->pending;
        return 0;
}

static FakeResource *at_database(FakePorts *p, const char *name)
{
        FakeResource *c = fake_ports_find(p, RESOURCE_CONTAINER, name);

        return c && c->running && c->volume ? c : NULL;
}

/* Succeeds with the password that the database was made with, once it has come up. */
static void effect_login(FakeOp *op)
{
        FakePorts *p = op->ports;
        FakeResource *c = at_database(p, op->b),
                     *volume = c ? fake_ports_find(p, RESOURCE_VOLUME, c->volume) : NULL;
        const char *password = c ? string_pairs_get(&c->env, "POSTGRES_PASSWORD") : NULL;

        if (!volume || p->login_refusals > 0) {
                p->login_refusals -= p->login_refusals > 0;
                fake_op_fail(op, -ECONNREFUSED, "connection refused");
        } else if (volume->contents == FAKE_VOLUME_BROKEN)
                fake_op_fail(op, -EACCES, "role “postgres” does not exist");
        else if (!password || !streq_ptr(strchr(op->a, ' ') + 1, password))
                fake_op_fail(op, -EACCES, "password authentication failed");
        else
                volume->contents = FAKE_VOLUME_READY;
}

static int probe_login(ProbePort *port, const DatabaseLogin *login, uint64_t timeout_usec, PortDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        _cleanup_free_ char *key = str_printf("%s %s", login->address, login->password);
        int r;

        assert(key && login->port == ARK_DATABASE_PORT && streq(login->user, ARK_DATABASE_USER));
        r = probe_begin(port, "database_login", key, timeout_usec, effect_login, done, userdata,
                        ret_pending);
        if (r >= 0)
                container_of(*ret_pending, FakeOp, pending)->b = strdup(login->database);
        return r;
}

static void effect_get(FakeOp *op)
{
        FakePorts *p = op->ports;

        for (const FakeResource *r = p->resources; r; r = r->next)
                if (r->kind == RESOURCE_CONTAINER && r->running && streq_ptr(r->addresses[1], op->a) &&
                                !p->app_is_deaf && p->http_refusals == 0) {
                        if (p->app_errs)
                                fake_op_fail(op, -EBADMSG, "HTTP status 500");
                        return;
                }
        p->http_refusals -= p->http_refusals > 0;
        fake_op_fail(op, -ENOTCONN, "connection refused");
}

static void answer_get(FakeOp *op)
{
        const HttpAnswer answer = { .secure_cookies = op->ports->app_sets_secure_cookies };

        op->on_http(op->error, op->error < 0 ? op->reason : NULL, op->error < 0 ? NULL : &answer,
                        op->userdata);
}

static int probe_get(ProbePort *port, const HttpProbe *probe, uint64_t timeout_usec, HttpProbeDone done,
                void *userdata, Pending **ret_pending)
{
        OUTSIDE;
        char what[200];
        FakeOp *op;
        int r;

        assert(probe->path[0] == '/' && probe->host && probe->port > 0);
        (void) snprintf(what, sizeof what, "http_get %s", probe->path);
        r = probe_begin(port, what, probe->address, timeout_usec, effect_get, NULL, userdata, ret_pending);
        if (r < 0)
                return r;
        op = container_of(*ret_pending, FakeOp, pending);
        op->on_http = done;
        op->answer = answer_get;
        return 0;
}

const ProbeVTable fake_probe_vtable = { .database_login = probe_login, .http_get = probe_get };
