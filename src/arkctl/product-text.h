/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

/* The largest product that the daemon takes. */
#define PRODUCT_BYTES_MAX (64 * 1024)

/*
 * The whole product as JSON text, as product_set() takes it. Where the caller may not see all of it, or the daemon
 * has no way to say it, that is CTL_DENIED or CTL_FAILED, said with "Cannot ACT".
 */
ExitCode product_get(Ctl *ctl, const char *act, const char *id, char **ret_json);
/* As much of it as the caller may see, for reading: for others than operators without env and credentials, and said. */
ExitCode product_get_visible(Ctl *ctl, const char *act, const char *id, char **ret_json);
/* Checks that it is JSON, then hands it to the daemon. where: "FILE" or such, for sentences. ret_id may be NULL. */
ExitCode product_set(Ctl *ctl, const char *where, const char *json, char **ret_id);

/* Lays JSON text out for reading, two spaces a level. NULL when out of memory or malformed. */
char *product_pretty(const char *json);
