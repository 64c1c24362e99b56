/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-event.h>

#include "basic/macro.h"

typedef struct FirewallPaths {
        const char *config_file, *config_directory; /* arkd.conf(5) */
        const char *operator_rules; /* pattern of files */
        const char *state; /* what arkd reads */
        /* For nft -f: the rules in force, without those of the operator and with them; NULL not to keep them. */
        const char *saved, *saved_with_operator;
} FirewallPaths;

/* Keeps the isolation of instances in force. */
typedef struct Firewall Firewall;

/* Puts the rules into force; where the kernel refuses, says so and tries again. paths must outlive the firewall. */
int firewall_new(sd_event *event, const FirewallPaths *paths, Firewall **ret);
/* The rules stay in force. */
Firewall *firewall_free(Firewall *firewall);
DEFINE_CLEANUP_FUNC(Firewall, firewall_free);

/* Reads configuration and the operator's rules again. */
void firewall_reload(Firewall *firewall);

/* Whether the kernel takes the rules as configured; changes nothing. 0 or negative errno, logged. */
int firewall_check(const FirewallPaths *paths);
