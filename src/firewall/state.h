/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "firewall/engine-rules.h"

/* How the isolation is, for arkd and for people. */
typedef struct FirewallState {
        const char *fault; /* why instances are not kept apart; NULL where they are */
        const char *operator_fault; /* why the operator's rules are left out, or NULL */
        const char *pool; /* SubnetPool= that the rules are made for */
        char *const *resolvers;
        EngineRules engine;
        const char *engine_missing; /* which of them, in words, or NULL */
        uint64_t since_usec; /* the rules are in force since then, CLOCK_REALTIME */
        uint64_t restored_usec; /* when they were put back last, 0 for never */
        uint64_t restored; /* how often they were */
} FirewallState;

/* The text of the state file. 0 or -ENOMEM. */
int firewall_state_format(const FirewallState *state, char **ret_json);

/* Writes the file, and tells the service manager the same in a sentence. 0 or negative errno. */
int firewall_state_publish(const FirewallState *state, const char *path);
