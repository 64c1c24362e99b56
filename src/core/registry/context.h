/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "core/model/instance-url.h"

/* What everything in core runs in: the loop, the ports and whether they are there, the clock, the settings. */

typedef struct Counters Counters;
typedef struct Manager Manager;

/* Borrowed. */
sd_event *manager_get_event(Manager *manager);
Counters *manager_counters(Manager *manager);

/* True once the registry has been loaded. */
bool manager_is_loaded(const Manager *manager);
bool manager_engine_connected(const Manager *manager);
bool manager_store_connected(const Manager *manager);
/* Whether instances are kept apart. *ret_fault (may be NULL): why not, valid until the loop goes on. */
bool manager_is_isolated(const Manager *manager, const char **ret_fault);

/* What links begin with; without a slash at its end. The manager owns it. */
const char *manager_base_url(const Manager *manager);
/* Where applications have an address to themselves. The manager owns it. */
const ApplicationsAddress *manager_applications(const Manager *manager);

/* Keys of the records that could not be read; NULL-terminated, or NULL. The manager owns them. */
char *const *manager_damaged_records(const Manager *manager);
/* Whether the record of that kind ("product") could not be read when the store was loaded. */
bool manager_is_damaged(const Manager *manager, const char *kind, const char *id);

/* What nobody would come back to any more: the daemon ends, so that the service manager starts it anew and what is stored
 * is resumed. what: a sentence without its end, for the journal. */
void manager_begin_anew(Manager *manager, int error, const char *what);

/* Calls handler once, that much later (µs, and how much later still it may be); where no timer can be had, begins anew.
 * *ret_timer must be NULL. */
void manager_call_later(Manager *manager, uint64_t usec, uint64_t accuracy, sd_event_time_handler_t handler,
                void *userdata, sd_event_source **ret_timer);

/* How far CLOCK_REALTIME is ahead of CLOCK_BOOTTIME, in µs: changes only when the clock is set. */
int64_t clock_offset(void);
/* How far the clock has been set forward since the manager was started; 0 where it was not, or back. Time that the host
 * was suspended has passed, and does not count. */
uint64_t manager_clock_set_forward(const Manager *manager);
