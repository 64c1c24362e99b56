/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "arkctl/checks.h"
#include "arkctl/output.h"
#include "arkctl/terminal.h"
#include "arkctl/text.h"
#include "arkctl/verbs.h"
#include "basic/json-util.h"

static const char *const verdict_colors[_VERDICT_MAX] = {
        [VERDICT_OK] = "green",
        [VERDICT_SKIPPED] = "darkgray",
        [VERDICT_WARNING] = "yellow",
        [VERDICT_FAILED] = "lightred",
};

static ExitCode print_json(const Ctl *ctl, const Checks *checks)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; list && i < checks->n; i++) {
                struct json_object *json = json_object_new_object();
                const Check *c = checks->items + i;

                if (json_append(list, json) < 0 || json_set_string(json, "check", c->name) < 0 ||
                                json_set_string(json, "verdict", verdict_to_string(c->verdict)) < 0 ||
                                json_set_string(json, "detail", c->detail) < 0 ||
                                json_set_string(json, "remedy", c->remedy) < 0)
                        return ctl_failed(ENOMEM, "The checks could not be printed");
        }
        return json_print(ctl, list);
}

static int print_row(struct libscols_table *table, const Check *c)
{
        const char *color = verdict_colors[c->verdict];
        struct libscols_line *line = table_add(table);
        int r;

        r = table_set(line, 0, terminal_has_utf8() ? "●" : "*", color);
        if (r == 0)
                r = table_set(line, 1, c->name, NULL);
        if (r == 0)
                r = table_set(line, 2, verdict_to_string(c->verdict), color);
        return r == 0 ? table_set(line, 3, c->detail, NULL) : r;
}

static void print_remedies(const Ctl *ctl, const Checks *checks)
{
        bool first = true;

        for (size_t i = 0; i < checks->n; i++) {
                const Check *c = checks->items + i;

                if (!c->remedy || c->verdict == VERDICT_OK || ctl->quiet)
                        continue;
                if (first)
                        (void) printf("\n%sWhat to do:%s\n", terminal_color(COLOR_BOLD),
                                        terminal_color(COLOR_OFF));
                text_print_wrapped(2, terminal_columns(STDOUT_FILENO), "%s: %s", c->name, c->remedy);
                first = false;
        }
}

static size_t count(const Checks *checks, Verdict verdict)
{
        size_t n = 0;

        for (size_t i = 0; i < checks->n; i++)
                n += checks->items[i].verdict == verdict;
        return n;
}

static ExitCode print_table(const Ctl *ctl, const Checks *checks)
{
        static const Column columns[] = { { "" }, { "CHECK" }, { "VERDICT" }, { "DETAIL", .wrap = true } };
        _cleanup_table_ struct libscols_table *table = table_new(ctl, columns, ELEMENTSOF(columns));
        size_t failed = count(checks, VERDICT_FAILED), warnings = count(checks, VERDICT_WARNING);
        int r = table ? 0 : -ENOMEM;
        ExitCode e;

        for (size_t i = 0; r == 0 && i < checks->n; i++)
                r = print_row(table, checks->items + i);
        if (r < 0)
                return ctl_failed(r, "The checks could not be printed");
        if (failed == 0 && warnings == 0)
                e = table_print(ctl, table, "All is well.");
        else
                e = table_print(ctl, table, "%zu failed, %zu warning%s.", failed, warnings,
                                warnings == 1 ? "" : "s");
        print_remedies(ctl, checks);
        return e;
}

ExitCode verb_status(Ctl *ctl, char **arguments)
{
        _cleanup_(checks_done) Checks checks = { 0 };
        ExitCode e;
        int r;

        r = checks_run(ctl, &checks);
        if (r < 0)
                return ctl_failed(r, "The checks could not be made");
        e = ctl->json == JSON_OFF ? print_table(ctl, &checks) : print_json(ctl, &checks);
        if (e == CTL_OK && checks.daemon != CTL_OK)
                return checks.daemon;
        return e == CTL_OK && count(&checks, VERDICT_FAILED) > 0 ? CTL_FAILED : e;
}
