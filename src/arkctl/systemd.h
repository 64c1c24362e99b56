/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/client.h"

/* A unit of the host's systemd, on the same bus. */
typedef struct UnitState {
        char load[32], active[32];
        char path[256];
} UnitState;

/* Reads it; a unit that is not there has the load state "not-found". Negative errno where systemd does not answer. */
int unit_read(Ctl *ctl, const char *name, UnitState *ret);
bool unit_is_active(const UnitState *state);
bool unit_is_there(const UnitState *state);
/* What the service said of itself last (sd_notify(3), STATUS= and ERRNO=). 0 or negative errno. */
int unit_read_status(Ctl *ctl, const UnitState *state, char **ret_text, int *ret_errno);
/* A property of type t, of an interface such as "Slice". -ENODATA where systemd has no value for it. */
int unit_read_u64(Ctl *ctl, const UnitState *state, const char *interface, const char *property,
                uint64_t *ret);
