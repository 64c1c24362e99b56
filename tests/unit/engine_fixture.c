/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "basic/time-util.h"
#include "core/ports.h"
#include "engine_fixture.h"

#define PATIENCE (30 * USEC_PER_SEC)

Fixture fixture_open(const char *socket_path, const char *deployment)
{
        Fixture f = {};

        assert_true(sd_event_new(&f.event) >= 0);
        assert_int_equal(curl_glue_new(f.event, &f.glue), 0);
        assert_int_equal(engine_new(f.event, f.glue, socket_path, deployment, &f.engine), 0);
        f.port = engine_port(f.engine);
        return f;
}

void fixture_close(Fixture *f)
{
        engine_free(f->engine);
        curl_glue_free(f->glue);
        sd_event_unref(f->event);
}

static Outcome *end(int error, const char *reason, void *userdata)
{
        Outcome *o = userdata;

        assert_false(o->ended);
        o->ended = true;
        o->error = error;
        (void) snprintf(o->reason, sizeof(o->reason), "%s", reason ? reason : "");
        assert_true(error >= 0 || o->reason[0] != '\0');
        return o;
}

void outcome_done(int error, const char *reason, void *userdata)
{
        (void) end(error, reason, userdata);
}

void outcome_state(int error, const char *reason, const ContainerState *state, void *userdata)
{
        Outcome *o = end(error, reason, userdata);

        if (!state)
                return;
        o->state = *state;
        (void) snprintf(o->address, sizeof(o->address), "%s", strempty(state->address));
        o->state.address = state->address ? o->address : NULL;
        o->state.digest = NULL;
        memset(o->state.networks, 0, sizeof o->state.networks);
        memset(o->state.volumes, 0, sizeof o->state.volumes);
}

void outcome_usage(int error, const char *reason, const ContainerUsage *usage, void *userdata)
{
        Outcome *o = end(error, reason, userdata);

        if (usage)
                o->usage = *usage;
}

void outcome_sizes(int error, const char *reason, const ResourceSize *sizes, size_t n, void *userdata)
{
        Outcome *o = end(error, reason, userdata);

        o->n_resources = n;
        for (size_t i = 0; i < n; i++)
                o->current += sizes[i].bytes;
}

void outcome_text(int error, const char *reason, const char *text, void *userdata)
{
        Outcome *o = end(error, reason, userdata);

        o->text = text ? strdup(text) : NULL;
}

void outcome_resources(int error, const char *reason, const Resource *items, size_t n, void *userdata)
{
        Outcome *o = end(error, reason, userdata);

        o->n_resources = n;
        for (size_t i = 0; i < n; i++)
                o->n_running += items[i].running;
}

void outcome_progress(uint64_t current, uint64_t total, void *userdata)
{
        Outcome *o = userdata;

        assert_true(current <= total);
        o->n_progress++;
        o->current = current;
        o->total = total;
}

void run_until(Fixture *f, const bool *flag)
{
        uint64_t deadline = now_monotonic() + PATIENCE;

        while (!*flag) {
                assert_true(now_monotonic() < deadline);
                assert_true(sd_event_run(f->event, 100 * USEC_PER_MSEC) >= 0);
        }
}
