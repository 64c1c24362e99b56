/* SPDX-License-Identifier: MIT */
#include "hurried_clock.h"

#include <assert.h>
#include <stdlib.h>

#include "basic/macro.h"

#define MONOTONIC_USEC UINT64_C(1000000)
#define EPOCH_USEC     UINT64_C(1764000000000000)

typedef struct Timer Timer;

struct Timer {
        sd_event_source *source; /* deferred, and off until it rings */
        uint64_t due;
        bool armed;
        sd_event_time_handler_t handler;
        void *userdata;
        Timer *next;
};

static uint64_t now;
static Timer *timers;

uint64_t __wrap_now_realtime(void);
uint64_t __wrap_now_monotonic(void);
int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_enabled(sd_event_source *source, int enabled);
int __real_sd_event_source_set_enabled(sd_event_source *source, int enabled);
int __wrap_sd_event_source_get_enabled(sd_event_source *source, int *ret);
int __real_sd_event_source_get_enabled(sd_event_source *source, int *ret);

uint64_t __wrap_now_realtime(void)
{
        return EPOCH_USEC + now;
}

uint64_t __wrap_now_monotonic(void)
{
        return MONOTONIC_USEC + now;
}

static uint64_t after(uint64_t usec)
{
        return usec < UINT64_MAX - now ? now + usec : UINT64_MAX;
}

static Timer *timer_of(sd_event_source *source)
{
        for (Timer *t = timers; t; t = t->next)
                if (t->source == source)
                        return t;
        return NULL;
}

static int on_ring(sd_event_source *source, void *userdata)
{
        Timer timer = *(Timer *) userdata; /* the handler may free it */

        ((Timer *) userdata)->armed = false;
        return timer.handler(source, timer.due, timer.userdata);
}

static void on_destroyed(void *userdata)
{
        Timer **t = &timers;

        while (*t != userdata)
                t = &(*t)->next;
        *t = (*t)->next;
        free(userdata);
}

int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t handler, void *userdata)
{
        Timer *t = new0(Timer, 1);
        int r;

        assert(t && ret);
        r = sd_event_add_defer(event, &t->source, on_ring, t);
        assert(r >= 0);
        r = __real_sd_event_source_set_enabled(t->source, SD_EVENT_OFF);
        assert(r >= 0);
        r = sd_event_source_set_destroy_callback(t->source, on_destroyed);
        assert(r >= 0);
        t->due = after(usec);
        t->armed = true;
        t->handler = handler;
        t->userdata = userdata;
        t->next = timers;
        timers = t;
        *ret = t->source;
        return 0;
}

int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t handler, void *userdata)
{
        uint64_t moment = MONOTONIC_USEC + now;

        assert(clock == CLOCK_MONOTONIC);
        return __wrap_sd_event_add_time_relative(
                        event, ret, clock, usec > moment ? usec - moment : 0, accuracy, handler, userdata);
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec)
{
        Timer *t = timer_of(source);

        assert(t);
        t->due = after(usec);
        return 0;
}

int __wrap_sd_event_source_set_enabled(sd_event_source *source, int enabled)
{
        Timer *t = timer_of(source);

        if (!t)
                return __real_sd_event_source_set_enabled(source, enabled);
        t->armed = enabled != SD_EVENT_OFF;
        return t->armed ? 0 : __real_sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

int __wrap_sd_event_source_get_enabled(sd_event_source *source, int *ret)
{
        Timer *t = timer_of(source);

        if (!t)
                return __real_sd_event_source_get_enabled(source, ret);
        *ret = t->armed ? SD_EVENT_ONESHOT : SD_EVENT_OFF;
        return t->armed;
}

void hurried_reset(void)
{
        assert(!timers);
        now = 0;
}

uint64_t hurried_now(void)
{
        return now;
}

void hurried_pass(uint64_t usec)
{
        now += usec;
}

static Timer *earliest(void)
{
        Timer *first = NULL;

        for (Timer *t = timers; t; t = t->next)
                if (t->armed && t->due != UINT64_MAX && (!first || t->due < first->due))
                        first = t;
        return first;
}

bool hurried_step(sd_event *event)
{
        Timer *first;
        int r;

        r = sd_event_run(event, 0);
        assert(r >= 0);
        if (r > 0)
                return true;
        first = earliest();
        if (!first)
                return false;
        if (first->due > now)
                now = first->due;
        r = __real_sd_event_source_set_enabled(first->source, SD_EVENT_ONESHOT);
        assert(r >= 0);
        return true;
}

sd_event *hurried_event(void)
{
        static sd_event *event;
        int r;

        if (!event) {
                r = sd_event_new(&event);
                assert(r >= 0);
        }
        return event;
}
