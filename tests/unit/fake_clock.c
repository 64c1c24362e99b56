/* SPDX-License-Identifier: MIT */
#include "fake_clock.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include "starve.h"

#define EPOCH_USEC     UINT64_C(1764000000000000)
#define MONOTONIC_USEC UINT64_C(1000000)

/* A timer that may come so late is for upkeep that goes on for ever. */
#define IDLE_ACCURACY_USEC UINT64_C(1000000)

typedef struct Timer Timer;

struct Timer {
        sd_event_source *source;
        uint64_t due;
        sd_event_time_handler_t handler;
        void *userdata;
        bool idle; /* nothing waits for it */
        Timer *next;
};

static uint64_t now, set_forward;
static Timer *timers; /* in the order they were made */

uint64_t __wrap_now_realtime(void);
uint64_t __wrap_now_boottime(void);
uint64_t __wrap_now_monotonic(void);
int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);
int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t handler, void *userdata);

uint64_t __wrap_now_realtime(void)
{
        return EPOCH_USEC + now + set_forward;
}

uint64_t __wrap_now_boottime(void)
{
        return MONOTONIC_USEC + now;
}

uint64_t __wrap_now_monotonic(void)
{
        return MONOTONIC_USEC + now;
}

static int on_fired(sd_event_source *source, void *userdata)
{
        Timer timer = *(Timer *) userdata; /* the handler may free it */

        ((Timer *) userdata)->due = UINT64_MAX;
        return timer.handler(source, timer.due, timer.userdata);
}

static void on_destroyed(void *userdata)
{
        for (Timer **t = &timers; *t; t = &(*t)->next)
                if (*t == userdata) {
                        *t = (*t)->next;
                        break;
                }
        free(userdata);
}

int __wrap_sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t handler, void *userdata)
{
        Timer **last = &timers, *timer;
        int r;

        if (starve_now("sd_event_add_time_relative"))
                return -ENOMEM;
        OUTSIDE;
        timer = calloc(1, sizeof(Timer));
        assert(timer && ret);
        *timer = (Timer){ NULL, now + usec, handler, userdata, accuracy >= IDLE_ACCURACY_USEC, NULL };
        r = sd_event_add_defer(event, &timer->source, on_fired, timer);
        assert(r >= 0);
        r = sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
        assert(r >= 0);
        r = sd_event_source_set_destroy_callback(timer->source, on_destroyed);
        assert(r >= 0);
        while (*last)
                last = &(*last)->next;
        *last = timer;
        *ret = timer->source;
        return 0;
}

int __wrap_sd_event_add_time(sd_event *event, sd_event_source **ret, clockid_t clock, uint64_t usec,
                uint64_t accuracy, sd_event_time_handler_t handler, void *userdata)
{
        assert(clock == CLOCK_MONOTONIC && usec >= MONOTONIC_USEC + now);
        return __wrap_sd_event_add_time_relative(
                        event, ret, clock, usec - MONOTONIC_USEC - now, accuracy, handler, userdata);
}

void fake_clock_reset(void)
{
        assert(!timers);
        now = set_forward = 0;
}

void fake_clock_set(int64_t usec)
{
        set_forward += (uint64_t) usec;
}

uint64_t fake_clock_now(void)
{
        return now;
}

static Timer *earliest(void)
{
        Timer *first = NULL;

        for (Timer *t = timers; t; t = t->next)
                if (t->due != UINT64_MAX && (!t->idle || t->due <= now) && (!first || t->due < first->due))
                        first = t;
        return first;
}

uint64_t fake_clock_next(void)
{
        const Timer *first = earliest();

        return first ? first->due : UINT64_MAX;
}

void fake_clock_move(uint64_t usec)
{
        assert(usec >= now);
        now = usec;
}

void fake_clock_fire(void)
{
        Timer *first = earliest();
        int r;

        assert(first);
        if (first->due > now)
                now = first->due;
        r = sd_event_source_set_enabled(first->source, SD_EVENT_ONESHOT);
        assert(r >= 0);
}
