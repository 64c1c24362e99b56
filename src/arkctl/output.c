/* SPDX-License-Identifier: MIT */
#include "arkctl/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "arkctl/table-fit.h"
#include "arkctl/terminal.h"
#include "basic/json-util.h"

struct libscols_table *table_new(const Ctl *ctl, const Column *columns, size_t n)
{
        _cleanup_table_ struct libscols_table *table = scols_new_table();

        if (!table)
                return NULL;
        (void) scols_table_enable_noheadings(table, ctl->no_legend);
        (void) scols_table_enable_colors(table, terminal_has_color(STDOUT_FILENO));
        (void) scols_table_set_column_separator(table, "  ");
        if (terminal_is_output()) {
                /* The library asks standard output, which may be the pager by now. */
                (void) scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
                (void) scols_table_set_termwidth(table, terminal_columns(STDOUT_FILENO));
        } else
                (void) scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
        for (size_t i = 0; i < n; i++) {
                int flags = (columns[i].right ? SCOLS_FL_RIGHT : 0) |
                            (columns[i].shrink ? SCOLS_FL_TRUNC : 0) | (columns[i].wrap ? SCOLS_FL_WRAP : 0);

                if (!scols_table_new_column(table, columns[i].name, 0, flags))
                        return NULL;
        }
        return TAKE_PTR(table);
}

struct libscols_line *table_add(struct libscols_table *table)
{
        return scols_table_new_line(table, NULL);
}

int table_set(struct libscols_line *line, size_t column, const char *text, const char *color)
{
        int r = line ? scols_line_set_data(line, column, text) : -ENOMEM;

        if (r == 0 && color)
                r = scols_cell_set_color(scols_line_get_cell(line, column), color);
        return r;
}

ExitCode table_print(const Ctl *ctl, struct libscols_table *table, const char *format, ...)
{
        va_list ap;

        if (terminal_is_output() && table_fit(table, terminal_columns(STDOUT_FILENO)) < 0)
                return ctl_failed(ENOMEM, "The table could not be printed");
        if (scols_table_get_nlines(table) > 0 && scols_print_table(table) != 0)
                return ctl_failed(EIO, "The table could not be printed");
        if (ctl->no_legend || ctl->quiet)
                return CTL_OK;
        if (scols_table_get_nlines(table) > 0)
                (void) putchar('\n');
        va_start(ap, format);
        (void) vprintf(format, ap);
        va_end(ap);
        (void) putchar('\n');
        return CTL_OK;
}

ExitCode json_print(const Ctl *ctl, struct json_object *json)
{
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
        const char *text;
        bool printed;

        if (ctl->json == JSON_PRETTY)
                flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
        text = json ? json_object_to_json_string_ext(json, flags) : NULL;
        printed = text && puts(text) >= 0;
        json_object_put(json);
        return printed ? CTL_OK : ctl_failed(ENOMEM, "The answer could not be printed");
}

/* A status with its colour's name and sequence. */
static const struct {
        const char *status, *name, *sequence;
} colors[] = {
        { "running", "green", COLOR_GREEN },
        { "pending", "yellow", COLOR_YELLOW },
        { "sleeping", "cyan", COLOR_CYAN },
        { "failed", "lightred", COLOR_RED },
        { "deleting", "darkgray", COLOR_GREY },
        { "deleted", "darkgray", COLOR_GREY },
};

const char *status_color_name(const char *status)
{
        for (size_t i = 0; i < ELEMENTSOF(colors); i++)
                if (streq_ptr(colors[i].status, status))
                        return colors[i].name;
        return NULL;
}

const char *status_color(const char *status)
{
        for (size_t i = 0; i < ELEMENTSOF(colors); i++)
                if (streq_ptr(colors[i].status, status))
                        return colors[i].sequence;
        return "";
}
