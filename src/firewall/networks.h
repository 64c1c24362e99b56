/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/string-util.h"

/* Networks that this host is in, "10.231.0.0/20", sorted, each once. */
typedef struct Networks {
        char **own; /* of interfaces that are neither loopback nor of instances */
        char **ingress; /* IPv4, of the bridge of ark_production */
} Networks;

/* 0 or negative errno. */
int networks_read(Networks *ret);
void networks_done(Networks *networks);
