/* SPDX-License-Identifier: MIT */
#include "firewall/engine-rules.h"

#include <errno.h>
#include <unistd.h>

#include "basic/string-util.h"
#include "core/names.h"
#include "firewall/ruleset.h"

/* The engine's other backends: iptables-legacy has tables of its own, and newer engines write nftables themselves. */
#define LEGACY_TABLES "/sys/module/iptable_nat"
#define ENGINE_TABLE  "ip docker-bridges"

#define QUOTED_BRIDGE "\"" ARK_INGRESS_BRIDGE "\""

typedef enum Table {
        TABLE_NAT,
        TABLE_FILTER,
} Table;

/* A line of a table: what is in it, and in which chain it is, where that matters. */
typedef struct Rule {
        Table table;
        const char *words;
        const char *chain, *text, *more;
        const char *instead; /* of text, with another version of the engine */
} Rule;

/* The first is that without which nothing gets out; without the others the engine starts no container or makes no
 * network, or nothing gets out where FORWARD drops what no rule accepts, as the engine has it. */
static const Rule rules[] = {
        { TABLE_NAT, "masquerading of what leaves ark_production", .text = "masquerade",
                        .more = QUOTED_BRIDGE },
        { TABLE_NAT, "the chain DOCKER in nat", .text = "chain DOCKER {" },
        { TABLE_FILTER, "the chain DOCKER", .text = "chain DOCKER {" },
        { TABLE_FILTER, "the chain DOCKER-USER", .text = "chain DOCKER-USER {" },
        { TABLE_FILTER, "the jump from FORWARD to DOCKER-USER", .chain = "FORWARD",
                        .text = "jump DOCKER-USER" },
        { TABLE_FILTER, "the jump from FORWARD to the engine's chains", .chain = "FORWARD",
                        .text = "jump DOCKER-ISOLATION-STAGE-1", .instead = "jump DOCKER-FORWARD" },
        { TABLE_FILTER, "the way out of ark_production in FORWARD", .text = "accept",
                        .more = "iifname " QUOTED_BRIDGE },
};

const char *engine_rules_to_string(EngineRules state)
{
        static const char *const names[] = { "present", "missing", "unknown" };

        return names[state];
}

/* ---- What is in a table ---- */

static bool begins_chain(const char *line, const char *chain)
{
        const char *rest = startswith(line + strspn(line, " \t"), "chain ");

        rest = rest ? startswith(rest, chain) : NULL;
        return rest && *rest == ' ';
}

static bool is_rule(const Rule *rule, const char *line)
{
        return (strcasestr(line, rule->text) || (rule->instead && strstr(line, rule->instead))) &&
               (!rule->more || strstr(line, rule->more));
}

static bool has_rule(char *const *lines, const Rule *rule)
{
        bool within = !rule->chain;

        for (char *const *line = lines; line && *line; line++) {
                if (rule->chain && strstr(*line, "chain "))
                        within = begins_chain(*line, rule->chain);
                if (within && is_rule(rule, *line))
                        return true;
        }
        return false;
}

/* ---- What is not ---- */

static int add_words(char **list, const char *words)
{
        char *longer = str_printf("%s%s%s", strempty(*list), *list ? ", " : "", words);

        if (!longer)
                return -ENOMEM;
        free(*list);
        *list = longer;
        return 0;
}

static int find_missing(Table table, const char *text, char **list)
{
        _cleanup_(strv_freep) char **lines = NULL;
        int r;

        if (!text)
                return add_words(list, table == TABLE_NAT ? "the table nat" : "the table filter");
        r = strv_split(text, "\n", &lines);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(rules); i++)
                if (rules[i].table == table && !has_rule(lines, rules + i))
                        r = add_words(list, rules[i].words);
        return r;
}

int engine_rules_find_missing(const char *nat, const char *filter, char **ret)
{
        _cleanup_free_ char *list = NULL;
        int r;

        r = find_missing(TABLE_NAT, nat, &list);
        if (r >= 0)
                r = find_missing(TABLE_FILTER, filter, &list);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

/* ---- The kernel's ---- */

static bool masks(const char *text)
{
        _cleanup_(strv_freep) char **lines = NULL;

        return text && strv_split(text, "\n", &lines) >= 0 && has_rule(lines, rules);
}

EngineRules engine_rules_inspect(char **ret_missing)
{
        _cleanup_free_ char *nat = NULL, *filter = NULL, *own = NULL, *missing = NULL;

        (void) ruleset_list_table("ip nat", &nat);
        if (!masks(nat)) {
                if (ruleset_list_table(ENGINE_TABLE, &own) >= 0 && masks(own))
                        return ENGINE_RULES_PRESENT;
                if (access(LEGACY_TABLES, F_OK) == 0)
                        return ENGINE_RULES_UNKNOWN;
        }
        (void) ruleset_list_table("ip filter", &filter);
        if (engine_rules_find_missing(nat, filter, &missing) >= 0 && !missing)
                return ENGINE_RULES_PRESENT;
        *ret_missing = TAKE_PTR(missing);
        return ENGINE_RULES_MISSING;
}
