/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/time-util.h"
#include "bus/method.h"
#include "core/verbs/verb.h"

/* Calls that may wait for their reply at once: of all callers, of one, and of one user who is not root. */
#define BUS_CALLS_MAX        1024U
#define BUS_CALLS_SENDER_MAX 512U
#define BUS_CALLS_USER_MAX   128U

/* Of these, calls that polkit may be asked about at once: of all users, and of one, whose questions may stay open as
 * long as a dialog does. The others wait for their turn. All are less than the bus allows one connection. */
#define BUS_QUESTIONS_MAX      112U
#define BUS_QUESTIONS_USER_MAX 28U

/* How many refused calls the journal is told of, each, in how long a time. */
#define BUS_REFUSALS_MAX  1000U
#define BUS_REFUSALS_USEC (30 * USEC_PER_SEC)

/* The handler of every method in every vtable whose userdata is the BusApi: reads the arguments and starts the call. As
 * sd-bus wants it: 1 where a reply will come, or a negative errno, with error filled in where there is more to say. */
int bus_call_handle(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* Starts a call: finds out who calls, asks the gate, runs the action, replies. Takes a reference on the message, and
 * takes arguments over, also where it fails; method and action must be there until the reply. Answers as
 * bus_call_handle(). */
int bus_call_start(BusApi *api, sd_bus_message *message, const BusMethod *method, const Action *action,
                struct json_object *arguments, sd_bus_error *error);

/* Drops, without a reply, the calls of a sender that is gone; all calls where sender is NULL. Jobs they have started go
 * on. */
void bus_calls_drop(BusApi *api, const char *sender);
