/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

/* Does something to one instance. path: of its object. Answers an exit code, having said what went wrong. */
typedef ExitCode (*InstanceAction)(
                Ctl *ctl, const char *act, const char *id, const char *path, void *userdata);

/*
 * Looks up all that words name, and begins only where all are found; then does it to one after another, also after a
 * failure. verb: "restart" and the like, for sentences. What the last failure exits with, or CTL_OK.
 */
ExitCode instances_each(Ctl *ctl, const char *verb, char **words, InstanceAction action, void *userdata);
/* The first half of it. */
ExitCode instances_resolve(Ctl *ctl, char **words, char ***ret_ids);
/* The second. */
ExitCode instances_run(Ctl *ctl, const char *verb, char **ids, InstanceAction action, void *userdata);
