/* SPDX-License-Identifier: MIT */
#pragma once

#include <libsmartcols/libsmartcols.h>
#include <stddef.h>

/*
 * Makes a table that is filled fit into so many columns of a terminal: cells of columns that may be cut
 * (SCOLS_FL_TRUNC) end in an ellipsis, the widest first, and those of one that may be wrapped (SCOLS_FL_WRAP) go on
 * between words. libsmartcols itself cuts and wraps without either. Returns -ENOMEM or 0.
 */
int table_fit(struct libscols_table *table, size_t columns);
