/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "arkctl/pager.h"
#include "arkctl/terminal.h"
#include "arkctl/verbs.h"
#include "basic/string-util.h"
#include "config.h"

#define TEXT_COLUMN 30

static void print_heading(const char *text)
{
        (void) printf("\n%s%s:%s\n", terminal_color(COLOR_BOLD), text, terminal_color(COLOR_OFF));
}

/* "  left      help", on two lines where left is long. */
static void print_line(const char *left, const char *help)
{
        if (strlen(left) + 4 > TEXT_COLUMN)
                (void) printf("  %s\n%*s%s\n", left, TEXT_COLUMN, "", help);
        else
                (void) printf("  %-*s%s\n", TEXT_COLUMN - 2, left, help);
}

static void print_verb(const Verb *verb)
{
        _cleanup_free_ char *left = str_printf("%s %s", verb->name, verb->arguments);

        if (left)
                print_line(left, verb->help);
}

static void print_option(const Option *o)
{
        const char *equals = o->argument && *o->name ? "=" : "", *comma = o->letter && *o->name ? " " : "";
        const char letter[] = { '-', o->letter, '\0' };
        _cleanup_free_ char *left = NULL;

        left = str_printf("%s%s%s%s%s%s", o->letter ? letter : "   ", comma, *o->name ? "--" : "", o->name,
                        equals, strempty(o->argument));
        if (left)
                print_line(left, o->help);
}

static void print_options(const Verb *verb, bool own)
{
        for (size_t i = 0; i < n_options; i++)
                if (own == (options[i].verbs != NULL) && (!verb || option_is_of(options + i, verb)))
                        print_option(options + i);
}

static bool has_own_options(const Verb *verb)
{
        for (size_t i = 0; i < n_options; i++)
                if (options[i].verbs && option_is_of(options + i, verb))
                        return true;
        return false;
}

static ExitCode help_all(void)
{
        (void) puts("arkctl [OPTION...] VERB [ARGUMENT...]\n\n"
                    "Deploys products for customers, and looks after what was deployed.");
        print_heading("Instances");
        for (const Verb *v = verbs; v->name; v++) {
                if (streq(v->name, "product list"))
                        print_heading("Products");
                if (streq(v->name, "status"))
                        print_heading("The host");
                print_verb(v);
        }
        print_heading("Options of single verbs (\"arkctl help VERB\" tells whose)");
        print_options(NULL, true);
        print_heading("Options");
        print_options(NULL, false);
        (void) puts("\nAn ID may be shortened as far as it fits one instance. See arkctl(1).");
        return CTL_OK;
}

static ExitCode help_verb(const Verb *verb)
{
        (void) printf("arkctl [OPTION...] %s%s%s\n\n%s.\n", verb->name, *verb->arguments ? " " : "",
                        verb->arguments, verb->help);
        if (has_own_options(verb)) {
                print_heading("Options of this verb");
                print_options(verb, true);
        }
        print_heading("Options");
        print_options(verb, false);
        (void) puts("\nSee arkctl(1).");
        return CTL_OK;
}

static ExitCode help_group(const char *group)
{
        (void) printf("arkctl [OPTION...] %s VERB [ARGUMENT...]\n", group);
        print_heading("Verbs");
        for (const Verb *v = verbs; v->name; v++) {
                const char *rest = startswith(v->name, group);

                if (rest && *rest == ' ')
                        print_verb(v);
        }
        (void) puts("\nSee arkctl(1).");
        return CTL_OK;
}

ExitCode verb_help(Ctl *ctl, char **arguments)
{
        _cleanup_free_ char *two = NULL;
        const Verb *verb = NULL;

        if (!arguments[0])
                return help_all();
        if (arguments[1])
                two = str_printf("%s %s", arguments[0], arguments[1]);
        if (two)
                verb = verb_by_name(two);
        if (!verb)
                verb = verb_by_name(arguments[0]);
        if (verb)
                return help_verb(verb);
        if (streq(arguments[0], "product") && !arguments[1])
                return help_group(arguments[0]);
        /* It says what was meant. */
        return verb_find(arguments, &verb, &arguments);
}

ExitCode verb_version(Ctl *ctl, char **arguments)
{
        (void) printf("arkctl %s\n", ARK_VERSION);
        return CTL_OK;
}
