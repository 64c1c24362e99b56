/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "basic/macro.h"

/* Room for the short texts made here. */
#define TEXT_SHORT_MAX 64

/* A time span by its two largest units: "3s", "5min 20s", "2h 5min", "29 days". Answers buffer. */
const char *text_span(uint64_t usec, char buffer[TEXT_SHORT_MAX]);
/* A moment as seen from now: "5min ago", "in 29 days", "now"; "never" for UINT64_MAX. Answers buffer. */
const char *text_relative(uint64_t usec, uint64_t now_usec, char buffer[TEXT_SHORT_MAX]);
/* A moment on the local clock: "Tue 2026-11-24 15:40:01 UTC"; "never" for UINT64_MAX. Answers buffer. */
const char *text_moment(uint64_t usec, char buffer[TEXT_SHORT_MAX]);
/* Its day: "2026-11-24"; "never" for UINT64_MAX. Answers buffer. */
const char *text_date(uint64_t usec, char buffer[TEXT_SHORT_MAX]);
/* Bytes: "812B", "44.2M", "1.5G". Answers buffer. */
const char *text_bytes(uint64_t bytes, char buffer[TEXT_SHORT_MAX]);

/* Processor time, as systemctl(1) shows it: "1.204s", "2min 3.500s", "1h 0min 7.000s". Answers buffer. */
const char *text_cpu(uint64_t nsec, char buffer[TEXT_SHORT_MAX]);

/* Parses a moment: "forever" (UINT64_MAX); a span from now such as "30d" or "+2h 30min", with its unit; a date
 * "2026-12-31", which is its end, or "2026-12-31 18:00" and "2026-12-31 18:00:30", on the local clock; or RFC 3339.
 * -EINVAL malformed, -ERANGE where it is not after now. */
int text_parse_moment(const char *s, uint64_t now_usec, uint64_t *ret_usec);
/* Parses an age such as "30d". It needs its unit, other than 0: in seconds is hardly ever meant. -EINVAL, -ERANGE. */
int text_parse_age(const char *s, uint64_t *ret_usec);

/* Cuts s so that it takes at most columns on a terminal, with "…" or "..." at the end where it was cut. In place. */
void text_truncate(char *s, size_t columns);
/* The columns that s takes. */
size_t text_columns(const char *s);

/* Makes line feeds of spaces, so that each line takes at most columns where its words do. In place. */
void text_wrap(char *s, size_t columns);

/* Prints words, indented by so many columns and on as many lines of the given width as they need. */
void text_print_wrapped(size_t indent, size_t columns, const char *format, ...) _printf_(3, 4);
