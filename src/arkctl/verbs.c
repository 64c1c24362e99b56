/* SPDX-License-Identifier: MIT */
#include "arkctl/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "arkctl/suggest.h"
#include "basic/string-util.h"

/* "product" and the word after it are one verb. */
#define GROUP "product"

const Verb verbs[] = {
        { "deploy", "PRODUCT [CLIENT]", "Make an instance and print its link", 1, 2, verb_deploy,
                        .authorise = true },
        { "list", "", "List instances", 0, 0, verb_list },
        { "show", "ID...", "Show instances with their latest log lines", 1, UINT_MAX, verb_show },
        { "delete", "ID...", "Delete instances with all their data", 1, UINT_MAX, verb_delete,
                        .authorise = true },
        { "logs", "ID", "Show the logs of an instance's containers", 1, 1, verb_logs, .authorise = true },
        { "credentials", "ID", "Show how to log in to an instance's database", 1, 1, verb_credentials,
                        .authorise = true },
        { "compose", "ID", "Print an instance as a Compose file", 1, 1, verb_compose, .authorise = true },
        { "keep", "ID...", "Set when instances expire, or that they never do", 1, UINT_MAX, verb_keep,
                        .authorise = true },
        { "restart", "ID...|--all", "Restart the containers of instances", 0, UINT_MAX, verb_restart,
                        .authorise = true },
        { "adopt", "ID...|--all", "Take back instances that the store has lost", 0, UINT_MAX, verb_adopt,
                        .authorise = true },
        { "cleanup", "", "Delete instances that are past their time", 0, 0, verb_cleanup,
                        .authorise = true },
        { "product list", "", "List products", 0, 0, verb_product_list },
        { "product show", "ID", "Print a product as JSON", 1, 1, verb_product_show },
        { "product set", "FILE...", "Add or replace products (JSON; \"-\" is stdin)", 1, UINT_MAX,
                        verb_product_set, .authorise = true },
        { "product edit", "ID", "Edit a product in $EDITOR", 1, 1, verb_product_edit, .authorise = true },
        { "product delete", "ID...", "Delete products that have no instances", 1, UINT_MAX,
                        verb_product_delete, .authorise = true },
        { "status", "", "Check whether all that is needed works", 0, 0, verb_status },
        { "log-level", "[LEVEL]", "Show or set how much arkd logs", 0, 1, verb_log_level,
                        .authorise = true },
        { "help", "[VERB]", "Show this help, or that of a verb", 0, 2, verb_help, .local = true },
        { "version", "", "Show the version", 0, 0, verb_version, .local = true },
        { NULL },
};

const Verb *verb_by_name(const char *name)
{
        for (const Verb *v = verbs; v->name; v++)
                if (streq(v->name, name))
                        return v;
        return NULL;
}

static ExitCode refuse_unknown(const char *name)
{
        const char *names[ELEMENTSOF(verbs)] = { GROUP }, *second = startswith(name, GROUP " "), *nearest;

        /* What is right about it, that it begins with "product", makes none of them nearer. */
        for (size_t i = 0; verbs[i].name; i++)
                names[i + 1] = second ? startswith(verbs[i].name, GROUP " ") : verbs[i].name;
        if (second)
                names[0] = NULL;
        nearest = suggest_nearest(second ? second : name, names, ELEMENTSOF(names));
        if (nearest)
                ctl_error("There is no verb \"%s\". Did you mean \"%s%s\"?", name, second ? GROUP " " : "",
                                nearest);
        else
                ctl_error("There is no verb \"%s\". See \"arkctl %s\".", name,
                                second ? "help " GROUP : "--help");
        return CTL_USAGE;
}

static ExitCode check_count(const Verb *verb, char **rest)
{
        size_t n = strv_length(rest);

        if (n < verb->min)
                ctl_error("\"%s\" needs %s. Usage: arkctl %s %s", verb->name,
                                verb->min == 1 ? "an argument" : "more arguments", verb->name,
                                verb->arguments);
        else if (n > verb->max)
                ctl_error("\"%s\" is too much. Usage: arkctl %s%s%s", rest[verb->max], verb->name,
                                *verb->arguments ? " " : "", verb->arguments);
        else
                return CTL_OK;
        return CTL_USAGE;
}

ExitCode verb_find(char **arguments, const Verb **ret_verb, char ***ret_rest)
{
        _cleanup_free_ char *name = NULL;
        size_t words = arguments[0] ? 1 : 0;
        const Verb *verb;
        ExitCode e;

        if (words == 0)
                name = strdup("list");
        else if (streq(arguments[0], GROUP) && arguments[1]) {
                name = str_printf(GROUP " %s", arguments[1]);
                words = 2;
        } else if (streq(arguments[0], GROUP))
                name = strdup(GROUP " list");
        else
                name = strdup(arguments[0]);
        if (!name)
                return ctl_failed(ENOMEM, "The command line cannot be read");
        verb = verb_by_name(name);
        if (!verb)
                return refuse_unknown(name);
        e = check_count(verb, arguments + words);
        if (e != CTL_OK)
                return e;
        *ret_verb = verb;
        *ret_rest = arguments + words;
        return CTL_OK;
}
