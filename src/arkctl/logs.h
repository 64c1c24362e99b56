/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "arkctl/ctl.h"

/* A line of a container's log, as the daemon gives it: "TIME SOURCE TEXT". text points into it. */
typedef struct LogLine {
        uint64_t usec;
        char stamp[40]; /* TIME as it was */
        char source[16]; /* app or db */
        const char *text;
} LogLine;

/* -EINVAL where it is not such a line. */
int log_line_parse(const char *line, LogLine *ret);
/* Prints it for people, or as one JSON object. */
ExitCode log_line_print(const Ctl *ctl, const char *line);

/* Prints the last lines of an instance's containers, asked of the daemon without bothering the user for a password.
 * Of a stack trace only the ends, so that the line above it, which says what happened, is among them. How many there
 * were, or a negative errno: -EACCES where the caller may not see them. */
int logs_print_last(Ctl *ctl, const char *id, unsigned lines);

/* Prints the last lines about an instance from this host's journal. How many there were, or a negative errno. */
int journal_print(const char *id, unsigned lines);
