/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/macro.h"

/* The longest image reference that is accepted. */
#define ENGINE_REFERENCE_MAX 512U

/* "docker.io/library/x:1" in the two words that a pull wants. Both owned. */
typedef struct EngineReference {
        char *name; /* "docker.io/library/x" */
        char *tag; /* "1", "latest" where none is given, or the digest "sha256:…", which wins over a tag */
} EngineReference;

/* Splits a reference; all characters are then safe in a URL's path. 0, -EINVAL malformed, -ENOMEM. */
int engine_reference_parse(const char *s, EngineReference *ret);
void engine_reference_done(EngineReference *reference);

/* Whether s is a name as the engine gives them to containers, networks and volumes. */
bool engine_name_is_valid(const char *s);
