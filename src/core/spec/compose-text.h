/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/spec/spec.h"

/* The compose file of an instance: what runs, in the words of docker compose. Holds secrets. *ret_text is to be freed. 0 or
 * -ENOMEM. */
int compose_format(const InstanceSpec *spec, char **ret_text);
