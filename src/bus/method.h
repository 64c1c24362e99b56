/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/objects.h"

#define BUS_ARGUMENTS_MAX 2
#define BUS_OPTIONS_MAX   2

/* A key of a method's a{sv} and the action's argument that it is. */
typedef struct BusOption {
        const char *key;
        const char *argument;
} BusOption;

/* How a method of the bus is an action: its arguments by name, and how the result is written. */
typedef struct BusMethod {
        const char *interface, *member;
        const char *action;
        const char *arguments[BUS_ARGUMENTS_MAX]; /* positional; unused ones are NULL */
        const char *path_argument; /* the one that is the object's id, or NULL */
        bool has_options; /* an a{sv} comes last */
        BusOption options[BUS_OPTIONS_MAX];
        /* Appends the result to the reply. Answers a negative errno, or fills in the error and answers that. */
        int (*encode)(BusApi *api, struct json_object *result, sd_bus_message *reply, sd_bus_error *error);
} BusMethod;

/* All methods of the bus' objects. */
extern const BusMethod bus_methods[];
extern const size_t n_bus_methods;

/* The method that a message calls, or NULL. A message without an interface gets the first that has the member's name. */
const BusMethod *bus_method_find(sd_bus_message *message);
