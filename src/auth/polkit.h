/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-bus.h>

#include "basic/string-util.h"

/*
 * Asks polkit whether a caller on the bus may do something (org.freedesktop.PolicyKit1.Authority,
 * CheckAuthorization), without waiting in the loop.
 */
typedef struct PolkitQuery PolkitQuery;

typedef enum PolkitAnswer {
        POLKIT_ALLOWED,
        POLKIT_DENIED,
        POLKIT_CHALLENGE, /* would be allowed after authentication, which the caller did not let us ask for */
        POLKIT_UNAVAILABLE, /* polkit is not there, or does not answer: root only */
} PolkitAnswer;

/* Called once, from the loop; the query is spent. */
typedef void (*PolkitDone)(PolkitAnswer answer, void *userdata);

/* bus must outlive the query. sender: unique bus name. details: what is shown to whoever authenticates; may be NULL.
 * interactive: the caller allows a dialog, and the answer may take five minutes. 0 or negative errno. */
int polkit_query_new(sd_bus *bus, const char *sender, const char *action, const StringPairs *details,
                bool interactive, PolkitDone done, void *userdata, PolkitQuery **ret);

/* Drops the question: done is not called any more, an open dialog is closed. Accepts NULL, answers NULL. */
PolkitQuery *polkit_query_free(PolkitQuery *query);

/* How many questions polkit has not answered yet, dropped ones among them. The bus allows one connection 128 calls
 * without a reply by default, and refuses further ones. */
unsigned polkit_unanswered(void);
