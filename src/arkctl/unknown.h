/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/client.h"

/* Instances that the host has and the store does not know: UnknownInstances of the daemon. */
typedef struct UnknownView {
        char *id, *client_name;
        char *problem; /* why it cannot be adopted; empty where it can */
} UnknownView;

typedef struct UnknownList {
        UnknownView *items;
        size_t n;
} UnknownList;

void unknown_list_done(UnknownList *list);
/* Negative errno, and error set where there is more to say. */
int unknown_list_read(Ctl *ctl, UnknownList *ret, sd_bus_error *error);
/* "client_x (Acme)"; to be freed, NULL when out of memory. */
char *unknown_name(const UnknownView *one);
