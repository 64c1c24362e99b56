/* SPDX-License-Identifier: MIT */
#pragma once

#include "arkctl/ctl.h"

/*
 * The whole id of the instance that word names: an id, or its beginning with or without "client_", where it fits one
 * instance only. act is what was to be done ("delete %s" with the word), for the sentence where none or several fit:
 * CTL_NOT_FOUND. A word that looks like a whole id is taken as it is, be there such an instance or not.
 */
ExitCode resolve_instance(Ctl *ctl, const char *word, char **ret_id);

/* Says what the user may have meant by the id of an instance or a product that the daemon does not know. */
void resolve_suggest_instance(Ctl *ctl, const char *word);
void resolve_suggest_product(Ctl *ctl, const char *word);

/* Which of n ids the word names. 0; -ENOENT none; -ENOTUNIQ several. ret_match: the first that fits. */
int resolve_prefix(const char *word, const char *const *ids, size_t n, const char **ret_match);
bool resolve_is_whole_id(const char *word);
