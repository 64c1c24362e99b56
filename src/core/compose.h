/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/spec.h"

/* The compose file of an instance: what runs, in the words of docker compose. Holds secrets. */
int compose_format(const InstanceSpec *spec, char **ret_text);
