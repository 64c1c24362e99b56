/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/method.h"
#include "core/verbs/verb.h"

/* The longest document, which is a string with JSON; other strings have their action's own limits. */
#define BUS_DOCUMENT_MAX (64U * 1024U)
/* The longest name of an unknown option that an error repeats. */
#define BUS_OPTION_NAME_MAX 256U

/*
 * Reads the message's arguments, and checks how long they are; what they say is the action's to check. documents: whether
 * those of type ARGUMENT_OBJECT are parsed; else they are left out. The caller frees what is returned.
 *
 * 0; what sd-bus answers; -ENOMEM; for what the sender did wrong, error is filled in and its errno answered.
 */
int bus_decode(const BusMethod *method, const Action *action, sd_bus_message *message, bool documents,
                struct json_object **ret_arguments, sd_bus_error *error);
