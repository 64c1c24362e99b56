/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/string-util.h"
#include "core/names.h"
#include "core/ports.h"

/*
 * What a container was made from, as one word: the value of its label ARK_LABEL_HASH. A container whose word is neither
 * of the two below was made from another description.
 *
 * An upgrade of arkd alone makes no container again. So the word stands for what product and operator have decided, never
 * for what arkd adds by itself, and for nothing that was left unset:
 *
 *  - An option that arkd decides (a default limit, a log option, a label, a variable of its own) is set after the digests
 *    were taken (add_own_options() in spec.c). Containers get it when they are made anew for another reason.
 *  - A new field of products gets a line in container_digest(), written only where the product sets it. Records from
 *    before do not, and keep their word.
 *  - No line is ever changed or taken away. If that must be, the version goes up, and what the former version would have
 *    said stays known, as that of version 1 is.
 */
#define DIGEST_MAX 72 /* with its NUL */

/* Whether a container that says found was made from what these two say, as this or the former version put it; or by a
 * later version of arkd, which knows better. found may be NULL. */
static inline bool digest_fits(const char *found, const char *wanted, const char *former)
{
        if (streq_ptr(found, wanted) || (found && streq_ptr(found, former)))
                return true;
        return found && strchr(found, ':') && !startswith(found, ARK_DIGEST_VERSION);
}

/* "v2:" and a SHA-256 of the lines. 0 or -ENOMEM. */
int container_digest(const ContainerSpec *spec, char ret[DIGEST_MAX]);

/* The word of version 1, which had none in front: frozen, so that what it made is known. Of the default capabilities,
 * slice, health check and labels as they were then. 0 or -ENOMEM. */
int container_former_digest(const ContainerSpec *spec, char ret[DIGEST_MAX]);
