/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>

#include "arkctl/ctl.h"

static inline void table_unrefp(struct libscols_table **table)
{
        if (*table)
                scols_unref_table(*table);
}
#define _cleanup_table_ _cleanup_(table_unrefp)

/* A column of a table. */
typedef struct Column {
        const char *name;
        bool right; /* to the right, for numbers */
        bool shrink; /* cut where the terminal is too narrow */
        bool wrap; /* on several lines where it is */
} Column;

/* A table for standard output, coloured and as wide as suits what that is. NULL when out of memory. */
struct libscols_table *table_new(const Ctl *ctl, const Column *columns, size_t n);
/* A new line in it, or NULL. The table owns it. */
struct libscols_line *table_add(struct libscols_table *table);
/* Fills a cell with a copy of text. color: as for scols_cell_set_color(), or NULL. Accepts a NULL line (-ENOMEM). */
int table_set(struct libscols_line *line, size_t column, const char *text, const char *color);
/* Prints it; a note such as "3 instances" goes below it, unless --no-legend or --quiet. */
ExitCode table_print(const Ctl *ctl, struct libscols_table *table, const char *format, ...) _printf_(3, 4);

/* Prints JSON as --json says. Takes json over; NULL is out of memory. */
ExitCode json_print(const Ctl *ctl, struct json_object *json);

/* The colour of an instance's status, for table_set() and as a sequence for terminal_color(). NULL: none. */
const char *status_color_name(const char *status);
const char *status_color(const char *status);
