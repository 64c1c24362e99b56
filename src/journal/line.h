/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/*
 * One line of a container's output, as the engine's syslog driver sends it (RFC 5424), with the tag that
 * engine_log_config() sets: <30>1 TIME HOST INSTANCE/CONTAINER/ID PID INSTANCE/CONTAINER/ID - TEXT
 */
typedef struct JournalLine {
        int priority; /* LOG_INFO from standard output, LOG_ERR from standard error */
        const char *instance, *container, *id; /* of these characters only: a-z A-Z 0-9 _ . - */
        const char *text;
        size_t n_text; /* without a line feed at its end */
} JournalLine;

/* Takes a datagram of n bytes apart in place; datagram[n] must be writable. -EINVAL where it is none of ours. */
int journal_line_parse(char *datagram, size_t n, JournalLine *ret);
