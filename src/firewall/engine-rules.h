/* SPDX-License-Identifier: MIT */
#pragma once

/* What the engine needs for itself to be in the kernel's ruleset: a "flush ruleset" takes it along, and nobody but the
 * engine can put it back. */
typedef enum EngineRules {
        ENGINE_RULES_PRESENT,
        ENGINE_RULES_MISSING, /* applications may have no way out, and the engine may be unable to start any */
        ENGINE_RULES_UNKNOWN, /* kept where nft cannot see it; or there is no ark_production */
} EngineRules;

/* Names what is missing in the texts of the tables "ip nat" and "ip filter" (NULL: there is no such table), as a list in
 * words; NULL where nothing is. 0 or -ENOMEM. */
int engine_rules_find_missing(const char *nat, const char *filter, char **ret);

/* Where ark_production is. ret_missing: the same list, with ENGINE_RULES_MISSING alone; it may be NULL even then. */
EngineRules engine_rules_inspect(char **ret_missing);
const char *engine_rules_to_string(EngineRules rules);
