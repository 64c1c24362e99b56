/* SPDX-License-Identifier: MIT */
#include "core/registry/context.h"

#include "basic/log.h"
#include "basic/time-util.h"
#include "core/model/instance-url.h"
#include "core/ports.h"
#include "core/registry/counters.h"
#include "core/registry/state.h"

sd_event *manager_get_event(Manager *manager)
{
        return manager->event;
}

const char *manager_base_url(const Manager *manager)
{
        return manager->base_url;
}

const ApplicationsAddress *manager_applications(const Manager *manager)
{
        return &manager->applications;
}

char *const *manager_damaged_records(const Manager *manager)
{
        return manager->damaged_keys;
}

bool manager_is_damaged(const Manager *manager, const char *kind, const char *id)
{
        for (char **key = manager->damaged_keys; key && *key; key++) {
                const char *rest = startswith(*key, kind);

                if (rest && rest[0] == ':' && streq(rest + 1, id))
                        return true;
        }
        return false;
}

Counters *manager_counters(Manager *manager)
{
        return &manager->counters;
}

bool manager_is_loaded(const Manager *manager)
{
        return manager->loaded;
}

bool manager_engine_connected(const Manager *manager)
{
        return manager->engine->vtable->is_connected(manager->engine);
}

bool manager_is_isolated(const Manager *manager, const char **ret_fault)
{
        IsolationPort *isolation = manager->isolation;

        return !isolation || isolation->vtable->is_in_force(isolation, ret_fault);
}

bool manager_store_connected(const Manager *manager)
{
        return manager->store->vtable->is_connected(manager->store);
}

void manager_begin_anew(Manager *manager, int error, const char *what)
{
        (void) log_error_errno(error, "%s, so the service begins anew: %m", what);
        (void) sd_event_exit(manager->event, error);
}

void manager_call_later(Manager *manager, uint64_t usec, uint64_t accuracy, sd_event_time_handler_t handler,
                void *userdata, sd_event_source **ret_timer)
{
        int r;

        r = sd_event_add_time_relative(
                        manager->event, ret_timer, CLOCK_MONOTONIC, usec, accuracy, handler, userdata);
        if (r < 0)
                manager_begin_anew(manager, r, "A timer cannot be set");
}

int64_t clock_offset(void)
{
        return (int64_t) now_realtime() - (int64_t) now_boottime();
}

uint64_t manager_clock_set_forward(const Manager *manager)
{
        int64_t moved = clock_offset() - manager->clock_usec;

        return moved > 0 ? (uint64_t) moved : 0;
}
