/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#define COLOR_RED    "\033[1;31m"
#define COLOR_GREEN  "\033[1;32m"
#define COLOR_YELLOW "\033[1;33m"
#define COLOR_BLUE   "\033[34m"
#define COLOR_CYAN   "\033[36m"
#define COLOR_GREY   "\033[90m"
#define COLOR_BOLD   "\033[1m"
#define COLOR_OFF    "\033[0m"

/* Reads the locale; where the environment names none, UTF-8 is taken for granted. To be called first. */
void terminal_setup(void);

/* Takes over what standard output and error are before a pager comes between; the pager does so. */
void terminal_keep_output(void);

/* Whether standard output is a terminal, possibly by way of the pager. */
bool terminal_is_output(void);
/* Whether the terminal is one that takes no control sequences, or none that is known. */
bool terminal_is_dumb(void);
/* Whether the user can be asked: standard input and error are a terminal, and arkctl is in its foreground. */
bool terminal_can_ask(void);
/* Whether a pager can have the terminal. In the background it would be stopped for ever. */
bool terminal_can_page(void);
/* Whether what goes to fd may be coloured: a terminal, not a dumb one, and NO_COLOR is unset. */
bool terminal_has_color(int fd);
/* The sequence, or "" where standard output takes no colour. */
const char *terminal_color(const char *sequence);
/* Whether characters beyond ASCII can be shown. */
bool terminal_has_utf8(void);
/* Columns of the terminal at fd; 80 where there is none to ask. */
unsigned terminal_columns(int fd);
