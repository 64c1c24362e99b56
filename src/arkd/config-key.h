/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "arkd/arkd-config.h"

/* A key of arkd.conf(5). */
typedef struct ConfigKey {
        const char *name;
        int (*parse)(const char *value, void *target); /* target: the member of Config */
        size_t offset; /* of that member */
        const char *expected; /* what its value must be, as the end of a sentence */
} ConfigKey;

/* The key of that name, spelled as in the manual; NULL where there is none. */
const ConfigKey *config_key_find(const char *name);
/* Whether its value is a list, which may go over several lines. */
bool config_key_is_list(const ConfigKey *key);
/* Has config hold what value says. 0, or a negative errno where it is no value of this key's; config is as before then. */
int config_key_set(const ConfigKey *key, const char *value, Config *config);
