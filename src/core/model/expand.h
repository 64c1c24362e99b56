/* SPDX-License-Identifier: MIT */
#pragma once

#include "basic/string-util.h"

/*
 * Templates of products: ${NAME} is replaced by a variable, ${SECRET:name} by a secret of the instance, $$ is a
 * dollar. A dollar followed by anything else is an error, so that a mistake is seen when the product is set and
 * not by a customer.
 */

/* Answers the value of a variable, or NULL where there is none of that name. name is not NUL-terminated text of the
 * template but a copy, such as "DB_HOST" or "SECRET:admin". */
typedef const char *(*ExpandLookup)(const char *name, void *userdata);

/* Expands. -EINVAL with ret_reason (optional, to be freed) for malformed templates and unknown names. */
int expand(const char *template, ExpandLookup lookup, void *userdata, char **ret, char **ret_reason);

/* The secret's name in a variable name "SECRET:name", or NULL where it is no (well-formed) secret. */
const char *expand_secret_name(const char *variable);
