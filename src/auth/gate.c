/* SPDX-License-Identifier: MIT */
#include "auth/gate.h"

#include "core/verbs/request.h"
#include "core/verbs/verb.h"

static const char *const kind_names[_LISTENER_KIND_MAX] = {
        [LISTENER_PUBLIC] = "public",
        [LISTENER_ADMIN] = "admin",
        [LISTENER_LOCAL] = "local",
        [LISTENER_BUS] = "bus",
};

const char *listener_kind_to_string(ListenerKind kind)
{
        return kind > LISTENER_NONE && kind < _LISTENER_KIND_MAX ? kind_names[kind] : NULL;
}

ListenerKind listener_kind_from_string(const char *s)
{
        for (ListenerKind k = LISTENER_PUBLIC; k < _LISTENER_KIND_MAX; k++)
                if (streq(s, kind_names[k]))
                        return k;
        return LISTENER_NONE;
}

static Verdict gate_check_bus(const Action *action, const Caller *caller)
{
        if (caller->role == ROLE_OPERATOR)
                return VERDICT_ALLOW;
        if (caller->role != ROLE_LOCAL)
                return VERDICT_DENY;
        return action->polkit_action ? VERDICT_ASK_POLKIT : VERDICT_ALLOW;
}

Verdict gate_check(const Action *action, const Caller *caller, ListenerKind listener)
{
        if (!action || !caller || action->role == ROLE_NONE || caller->role == ROLE_NONE)
                return VERDICT_DENY;
        switch (listener) {
        case LISTENER_PUBLIC:
                /* Applications of customers share this origin: an operator's browser may be made to call, too. */
                return action->role == ROLE_VISITOR ? VERDICT_ALLOW : VERDICT_DENY;
        case LISTENER_ADMIN:
        case LISTENER_LOCAL:
                return caller->role == ROLE_OPERATOR ? VERDICT_ALLOW : VERDICT_DENY;
        case LISTENER_BUS:
                return gate_check_bus(action, caller);
        case LISTENER_NONE:
        case _LISTENER_KIND_MAX:
                break;
        }
        return VERDICT_DENY;
}
