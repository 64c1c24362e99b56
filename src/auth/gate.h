/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/verbs/request.h"
#include "core/verbs/verb.h"

/* The way a call came in. */
typedef enum ListenerKind {
        LISTENER_NONE, /* none: nothing is allowed */
        LISTENER_PUBLIC, /* HTTP for anybody who may reach it: the visitor's verbs, whoever calls */
        LISTENER_ADMIN, /* HTTP for operators, through nginx */
        LISTENER_LOCAL, /* HTTP for operators, on the loopback interface */
        LISTENER_BUS, /* the system bus */
        _LISTENER_KIND_MAX,
} ListenerKind;

/* "public", "admin", "local", "bus": the names that sockets are passed by. NULL, LISTENER_NONE for others. */
const char *listener_kind_to_string(ListenerKind kind);
ListenerKind listener_kind_from_string(const char *s);

typedef enum Verdict {
        VERDICT_DENY,
        VERDICT_ALLOW,
        VERDICT_ASK_POLKIT, /* on the bus only: polkit decides, by action->polkit_action */
} Verdict;

/*
 * Decides whether caller may run action over that listener. All transports ask here and nowhere else; what no rule
 * allows is denied. action and caller may be NULL: denied.
 */
Verdict gate_check(const Action *action, const Caller *caller, ListenerKind listener);
