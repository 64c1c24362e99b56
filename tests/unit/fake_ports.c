/* SPDX-License-Identifier: MIT */
#include "fake_ports.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "basic/time-util.h"
#include "core/model/instance.h"
#include "fake_clock.h"
#include "starve.h"

#define AWAY_USEC    USEC_PER_SEC
#define STALLED_USEC (8 * USEC_PER_SEC)

const char *fake_fault_to_string(FakeFault fault)
{
        static const char *const names[_FAKE_FAULT_MAX] = { "fine", "refused", "no memory", "failed",
                "failed, done", "timed out", "timed out, done", "lost", "lost, done", "stalled",
                "stranger" };

        return names[fault];
}

FakePorts *fake_ports_new(sd_event *event)
{
        FakePorts *p = new0(FakePorts, 1);

        assert(p);
        p->engine.vtable = &fake_engine_vtable;
        p->store.vtable = &fake_store_vtable;
        p->probe.vtable = &fake_probe_vtable;
        p->event = sd_event_ref(event);
        p->random = 1;
        for (size_t i = 0; i < FAKE_PLANS_MAX; i++)
                p->plans[i].call = SIZE_MAX;
        return p;
}

static void op_free(FakeOp *op)
{
        assert(op->state != FAKE_FLYING);
        sd_event_source_disable_unref(op->delivery);
        fake_resource_free(op->wanted);
        for (size_t i = 0; i < op->n_writes; i++) {
                free(op->writes[i].id);
                free(op->writes[i].text);
        }
        free(op->writes);
        free(op->verbs);
        free(op->dequeued);
        free(op->name);
        free(op->a);
        free(op->b);
        free(op);
}

FakePorts *fake_ports_free(FakePorts *p)
{
        if (!p)
                return NULL;
        for (FakeOp *op = p->ops, *next; op; op = next) {
                next = op->next;
                op_free(op);
        }
        for (FakeResource *r = p->resources, *next; r; r = next) {
                next = r->next;
                fake_resource_free(r);
        }
        for (FakeRecord *r = p->records, *next; r; r = next) {
                next = r->next;
                fake_record_free(r);
        }
        for (size_t i = 0; i < p->n_stream; i++)
                free(p->stream[i].job);
        free(p->stream);
        strv_free(p->images);
        strv_free(p->log);
        sd_event_source_disable_unref(p->waking);
        sd_event_unref(p->event);
        return mfree(p);
}

/* ---- Operations ---- */

static void op_over(FakeOp *op, FakeOpState state)
{
        if (op->state == FAKE_FLYING)
                op->ports->n_flying--;
        op->state = state;
        op->delivery = sd_event_source_disable_unref(op->delivery);
}

static void op_do(FakeOp *op)
{
        if (!op->effective && op->effect)
                op->effect(op);
        op->effective = true;
}

static void on_cancel(Pending *pending)
{
        FakeOp *op = container_of(pending, FakeOp, pending);
        FakePorts *p = op->ports;

        assert(op->state == FAKE_FLYING); /* else what is spent is cancelled */
        assert(op->abortable || op->who == FAKE_STORE || p->crashing);
        /* A transaction that is on its way to Redis cannot be called back. */
        op_over(op, op->who == FAKE_STORE && !op->orphaned ? FAKE_LATE : FAKE_CANCELLED);
}

static uint32_t next_random(FakePorts *p)
{
        p->random = p->random * 1664525 + 1013904223;
        return p->random >> 8;
}

static FakeFault planned_fault(FakePorts *p, const char *name)
{
        size_t call = p->n_calls++;

        if (p->faults_permille > 0 && next_random(p) % 1000 < p->faults_permille)
                return (FakeFault) (FAKE_FINE + 1 + next_random(p) % (FAKE_STRANGER - FAKE_FINE - 1));
        for (size_t i = 0; i < FAKE_PLANS_MAX; i++)
                if (p->plans[i].call == call)
                        return p->plans[i].fault;
        if (p->slow && startswith(name, p->slow))
                return FAKE_TIMED_OUT;
        return p->failing && startswith(name, p->failing) ? FAKE_FAILED : FAKE_FINE;
}

/* The instance's id is left out, so that logs compare. */
static void note(FakePorts *p, const char *mark, const char *name)
{
        const char *id = strstr(name, INSTANCE_ID_PREFIX);
        _cleanup_free_ char *line = NULL;
        int r;

        if (id)
                line = str_printf("%s%.*sID%s", mark, (int) (id - name), name, id + INSTANCE_ID_LENGTH);
        else
                line = str_printf("%s%s", mark, name);
        assert(line);
        r = strv_extend(&p->log, line);
        assert(r >= 0);
}

static uint64_t op_due(const FakePorts *p, FakeWho who, FakeFault fault, uint64_t deadline)
{
        uint64_t due = fake_clock_now();

        if (fault == FAKE_TIMED_OUT || fault == FAKE_TIMED_OUT_DONE)
                return deadline;
        if (who == FAKE_STORE && p->stalled_until > due)
                due = p->stalled_until;
        return due;
}

static void op_hang(FakeOp *op)
{
        op->due = op->deadline;
        fake_op_fail(op, -ETIMEDOUT, "it was not done with in time");
}

int fake_op_begin(FakePorts *p, FakeWho who, bool abortable, uint64_t timeout_usec, FakeOp **ret,
                const char *format, ...)
{
        FakeOp *op, **last = &p->ops;
        FakeFault fault;
        char name[256];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(name, sizeof name, format, ap);
        va_end(ap);
        note(p, "", name);
        fault = planned_fault(p, name);
        if (fault == FAKE_REFUSED || (who == FAKE_STORE && p->away[who]))
                return -ENOTCONN;
        if (fault == FAKE_NO_MEMORY)
                return who == FAKE_STORE ? -EBUSY : -ENOMEM;
        if (fault == FAKE_STALLED && who == FAKE_STORE)
                p->stalled_until = fake_clock_now() + STALLED_USEC;
        op = new0(FakeOp, 1);
        assert(op);
        op->pending.cancel = on_cancel;
        op->ports = p;
        op->who = who;
        op->name = strdup(name);
        op->fault = fault;
        op->abortable = abortable;
        op->deadline = fake_clock_now() + timeout_usec;
        op->due = op_due(p, who, fault, op->deadline);
        if (p->away[who] && p->hangs && who == FAKE_ENGINE)
                op_hang(op);
        else if (p->away[who])
                fake_op_fail(op, -ENOTCONN, "the engine cannot be reached");
        else if (fault == FAKE_FAILED)
                fake_op_fail(op, p->failing_error ? p->failing_error : -EIO, "it was made to fail");
        while (*last)
                last = &(*last)->next;
        *last = op;
        if (++p->n_flying > p->n_flying_max)
                p->n_flying_max = p->n_flying;
        *ret = op;
        return 0;
}

/* Nothing is done and the answer is an error. */
void fake_op_fail(FakeOp *op, int error, const char *reason)
{
        op->error = error;
        op->reason = reason;
        op->effective = true;
}

static void op_answer(FakeOp *op)
{
        INSIDE;

        op->answer(op);
}

static void op_progress(FakeOp *op)
{
        INSIDE;

        op->progress(50, 100, op->userdata);
}

static int on_delivery(sd_event_source *source, void *userdata)
{
        OUTSIDE;
        FakeOp *op = userdata;

        if (op->progress && op->stage++ == 0 && op->error == 0) {
                op->delivery = sd_event_source_disable_unref(op->delivery);
                op_progress(op);
                return 0;
        }
        op_do(op);
        if (op->fault == FAKE_FAILED_DONE && op->error == 0)
                fake_op_fail(op, -EIO, "it failed after all");
        else if (op->fault == FAKE_TIMED_OUT_DONE && op->error == 0)
                fake_op_fail(op, -ETIMEDOUT, "it took too long");
        note(op->ports, op->error < 0 ? "! " : "= ", op->name);
        op_over(op, FAKE_SPENT);
        op_answer(op);
        return 0;
}

static void op_deliver(FakeOp *op)
{
        int r;

        if (op->state == FAKE_LATE) {
                op_do(op);
                op_over(op, FAKE_SPENT);
                return;
        }
        if (op->fault == FAKE_LOST || op->fault == FAKE_LOST_DONE) {
                if (op->fault == FAKE_LOST_DONE)
                        op_do(op);
                op->fault = FAKE_FINE;
                fake_ports_lose(op->ports, op->who, AWAY_USEC);
                return;
        }
        if (op->fault == FAKE_TIMED_OUT && op->error == 0)
                fake_op_fail(op, -ETIMEDOUT, "it took too long");
        r = sd_event_add_defer(op->ports->event, &op->delivery, on_delivery, op);
        assert(r >= 0);
}

/* ---- Connections ---- */

static int on_wake(sd_event_source *source, void *userdata)
{
        FakePorts *p = userdata;

        p->waking = sd_event_source_disable_unref(p->waking);
        for (FakeWho who = 0; who < _FAKE_WHO_MAX; who++)
                if (p->on_connected[who])
                        p->on_connected[who](!p->away[who], p->watcher[who]);
        return 0;
}

static void wake(FakePorts *p)
{
        int r;

        if (p->waking)
                return;
        r = sd_event_add_defer(p->event, &p->waking, on_wake, p);
        assert(r >= 0);
}

void fake_ports_lose(FakePorts *p, FakeWho who, uint64_t usec)
{
        if (who == FAKE_ENGINE)
                fake_ports_power_cut(p); /* its containers may have ended with it */
        p->away[who] = true;
        p->back_at[who] = usec == UINT64_MAX ? UINT64_MAX : fake_clock_now() + usec;
        for (FakeOp *op = p->ops; op; op = op->next) {
                if (op->who != who)
                        continue;
                if (op->state == FAKE_LATE)
                        op_over(op, FAKE_CANCELLED);
                else if (op->state == FAKE_FLYING && p->hangs && who == FAKE_ENGINE)
                        op_hang(op);
                else if (op->state == FAKE_FLYING) {
                        fake_op_fail(op, -ENOTCONN, "the connection was lost");
                        op->due = fake_clock_now();
                }
        }
        if (who == FAKE_STORE)
                p->stalled_until = 0;
        wake(p);
}

void fake_ports_return(FakePorts *p, FakeWho who)
{
        p->away[who] = false;
        p->back_at[who] = 0;
        wake(p);
}

/* ---- Steps ---- */

static bool op_may_end(const FakeOp *op)
{
        if (op->state != FAKE_FLYING && op->state != FAKE_LATE)
                return false;
        if (op->who != FAKE_STORE)
                return !op->delivery;
        for (const FakeOp *before = op->ports->ops; before != op; before = before->next)
                if (before->who == FAKE_STORE &&
                                (before->state == FAKE_FLYING || before->state == FAKE_LATE))
                        return false; /* Redis answers in order */
        return !op->delivery;
}

static FakeOp *pick(FakePorts *p)
{
        FakeOp *picked = NULL;
        unsigned n = 0;

        for (FakeOp *op = p->ops; op; op = op->next) {
                if (!op_may_end(op) || (picked && op->due > picked->due))
                        continue;
                if (picked && op->due < picked->due) {
                        picked = op;
                        n = 1;
                        continue;
                }
                n++;
                if (!picked || p->order == FAKE_LAST || (p->order == FAKE_RANDOM && next_random(p) % n == 0))
                        picked = op;
        }
        return picked;
}

/* Nobody hears from a store that stands still: its callers give up at their deadlines. */
static FakeOp *earliest_giving_up(FakePorts *p)
{
        FakeOp *earliest = NULL;

        for (FakeOp *op = p->ops; op; op = op->next)
                if (op->state == FAKE_FLYING && !op->delivery && op->who == FAKE_STORE &&
                                op->due > op->deadline && (!earliest || op->deadline < earliest->deadline))
                        earliest = op;
        return earliest;
}

static void give_up(FakeOp *op)
{
        FakeOp *rest = new0(FakeOp, 1);
        int r;

        /* The commit itself can still be done: that is another operation from here on. */
        assert(rest);
        *rest = *op;
        rest->pending.cancel = NULL;
        rest->name = strdup(op->name);
        rest->a = rest->b = NULL;
        rest->state = FAKE_LATE;
        op->n_writes = op->n_dequeued = 0;
        op->writes = NULL;
        op->verbs = NULL;
        op->dequeued = NULL;
        op->next = rest;
        fake_op_fail(op, -ETIMEDOUT, "Redis did not answer in time");
        op->due = op->deadline;
        r = sd_event_add_defer(op->ports->event, &op->delivery, on_delivery, op);
        assert(r >= 0);
}

static uint64_t next_return(FakePorts *p, FakeWho *ret_who)
{
        uint64_t next = UINT64_MAX;

        for (FakeWho who = 0; who < _FAKE_WHO_MAX; who++)
                if (p->away[who] && p->back_at[who] < next) {
                        next = p->back_at[who];
                        *ret_who = who;
                }
        return next;
}

static void run_loop(FakePorts *p)
{
        int r;

        do {
                INSIDE;

                r = sd_event_run(p->event, 0);
                assert(r >= 0);
        } while (r > 0);
}

static void move_to(uint64_t usec)
{
        if (usec > fake_clock_now())
                fake_clock_move(usec);
}

bool fake_ports_step(FakePorts *p)
{
        FakeOp *op, *impatient;
        uint64_t timer, back, due;
        FakeWho who = 0;

        run_loop(p);
        p->n_steps++;
        op = pick(p);
        impatient = earliest_giving_up(p);
        timer = fake_clock_next();
        back = next_return(p, &who);
        due = op ? op->due : UINT64_MAX;
        if (impatient && impatient->deadline <= due && impatient->deadline <= timer &&
                        impatient->deadline <= back) {
                move_to(impatient->deadline);
                give_up(impatient);
        } else if (op && due <= timer && due <= back) {
                move_to(due);
                op_deliver(op);
        } else if (back <= timer && back != UINT64_MAX) {
                move_to(back);
                fake_ports_return(p, who);
        } else if (timer != UINT64_MAX)
                fake_clock_fire();
        else
                return false;
        run_loop(p);
        return true;
}

/* ---- Crashes ---- */

void fake_ports_crash(FakePorts *p, bool done)
{
        p->crashing = true;
        for (FakeOp *op = p->ops; op; op = op->next) {
                if (op->state != FAKE_FLYING && op->state != FAKE_LATE)
                        continue;
                if (done && op->fault != FAKE_TIMED_OUT)
                        op_do(op);
                op->effective = op->orphaned = true;
                if (op->state == FAKE_LATE)
                        op_over(op, FAKE_CANCELLED);
        }
}

void fake_ports_crashed(FakePorts *p)
{
        for (const FakeOp *op = p->ops; op; op = op->next)
                assert(op->state != FAKE_FLYING);
        assert(!p->on_connected[FAKE_ENGINE] && !p->on_connected[FAKE_STORE]);
        p->crashing = false;
        p->stalled_until = 0;
        for (FakeWho who = 0; who < _FAKE_WHO_MAX; who++)
                if (p->away[who])
                        fake_ports_return(p, who);
        p->waking = sd_event_source_disable_unref(p->waking);
}
