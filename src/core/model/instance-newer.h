/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/instance.h"

/* What a newer version has written into an instance's records and this one does not know is carried through. */

/* Keeps it beside the instance. 0 or -ENOMEM. */
int instance_keep_newer(Instance *instance, struct json_object *record);
int instance_keep_newer_secrets(Instance *instance, struct json_object *secrets);

/* Whether a status, phase or kind of job is spelled as every version spells them; anything else is damage. */
bool newer_is_word(const char *s);

/* Reads status and phase; where this version does not know one of them, both are kept as they are. -EINVAL where they are
 * no words. */
int instance_load_state(Instance *instance, const char *status, const char *phase);

/* Adds what was kept to what is written; newer may be NULL. 0 or -ENOMEM. */
int json_add_newer(struct json_object *json, struct json_object *newer);
