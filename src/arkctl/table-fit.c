/* SPDX-License-Identifier: MIT */
#include "arkctl/table-fit.h"

#include <errno.h>

#include "arkctl/text.h"
#include "basic/macro.h"

/* Less of a cell tells nothing. */
#define SHRINK_MIN  4
#define WRAP_MIN    16
#define COLUMNS_MAX 8

typedef struct Fit {
        struct libscols_table *table;
        size_t n, widths[COLUMNS_MAX];
        size_t least[COLUMNS_MAX]; /* no column becomes narrower than its heading */
} Fit;

/* Calls for each cell that has a text. */
static int for_each_cell(Fit *fit, int (*visit)(Fit *fit, size_t column, struct libscols_line *line))
{
        struct libscols_iter *iterator = scols_new_iter(SCOLS_ITER_FORWARD);
        struct libscols_line *line;
        int r = iterator ? 0 : -ENOMEM;

        while (r == 0 && scols_table_next_line(fit->table, iterator, &line) == 0)
                for (size_t i = 0; r == 0 && i < fit->n; i++)
                        if (scols_cell_get_data(scols_line_get_cell(line, i)))
                                r = visit(fit, i, line);
        scols_free_iter(iterator);
        return r;
}

static int flags_of(const Fit *fit, size_t column)
{
        return scols_column_get_flags(scols_table_get_column(fit->table, column));
}

static int measure(Fit *fit, size_t column, struct libscols_line *line)
{
        size_t width = text_columns(scols_cell_get_data(scols_line_get_cell(line, column)));

        if (width > fit->widths[column])
                fit->widths[column] = width;
        return 0;
}

static void measure_heading(Fit *fit, size_t column)
{
        struct libscols_cell *heading = scols_column_get_header(scols_table_get_column(fit->table, column));
        const char *text = scols_table_is_noheadings(fit->table) ? NULL : scols_cell_get_data(heading);

        fit->widths[column] = fit->least[column] = text ? text_columns(text) : 0;
}

static size_t total_width(const Fit *fit)
{
        const char *separator = scols_table_get_column_separator(fit->table);
        size_t total = (fit->n - 1) * text_columns(separator ? separator : " ");

        for (size_t i = 0; i < fit->n; i++)
                total += fit->widths[i];
        return total;
}

/* The widest column that may still become narrower, or NULL. */
static size_t *find_widest(Fit *fit)
{
        size_t *widest = NULL;

        for (size_t i = 0; i < fit->n; i++) {
                size_t least = flags_of(fit, i) & SCOLS_FL_WRAP    ? WRAP_MIN
                               : flags_of(fit, i) & SCOLS_FL_TRUNC ? SHRINK_MIN
                                                                   : SIZE_MAX;

                if (fit->widths[i] > least && fit->widths[i] > fit->least[i] &&
                                (!widest || fit->widths[i] > *widest))
                        widest = fit->widths + i;
        }
        return widest;
}

static int adapt(Fit *fit, size_t column, struct libscols_line *line)
{
        const char *text = scols_cell_get_data(scols_line_get_cell(line, column));
        size_t width = fit->widths[column];
        char *copy;

        if (text_columns(text) <= width || !(flags_of(fit, column) & (SCOLS_FL_TRUNC | SCOLS_FL_WRAP)))
                return 0;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        if (flags_of(fit, column) & SCOLS_FL_WRAP)
                text_wrap(copy, width);
        else
                text_truncate(copy, width);
        return scols_line_refer_data(line, column, copy) == 0 ? 0 : -ENOMEM;
}

static void wrap_at_line_feeds(struct libscols_column *column)
{
        (void) scols_column_set_wrapfunc(column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
        (void) scols_column_set_safechars(column, "\n");
}

int table_fit(struct libscols_table *table, size_t columns)
{
        Fit fit = { .table = table, .n = scols_table_get_ncols(table) };
        size_t *widest;
        int r;

        if (fit.n == 0 || fit.n > COLUMNS_MAX)
                return 0;
        for (size_t i = 0; i < fit.n; i++) {
                measure_heading(&fit, i);
                if (flags_of(&fit, i) & SCOLS_FL_WRAP)
                        wrap_at_line_feeds(scols_table_get_column(table, i));
        }
        r = for_each_cell(&fit, measure);
        while (total_width(&fit) > columns && (widest = find_widest(&fit)))
                (*widest)--;
        return r < 0 ? r : for_each_cell(&fit, adapt);
}
