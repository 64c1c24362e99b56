/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <syslog.h>

#include "basic/macro.h"

/*
 * Logging to the journal with structured fields. Where standard error is a terminal or the journal is
 * away, lines go there instead. Messages are sentences without a final full stop, sentence case.
 */

/* What a line is about; every member may be NULL. */
typedef struct LogContext {
        const char *instance; /* ARK_INSTANCE= */
        const char *product; /* ARK_PRODUCT= */
        const char *job; /* ARK_JOB= */
        const char *step; /* ARK_STEP= */
        const char *caller; /* ARK_CALLER=, who */
        const char *origin; /* ARK_ORIGIN=, from where they called */
        const char *action; /* ARK_ACTION=, the verb that was called */
        const char *message_id; /* MESSAGE_ID=, one of basic/messages.h */
} LogContext;

/* The highest syslog level that is still written; LOG_INFO at start, or $ARKD_LOG_LEVEL. */
void log_set_max_level(int level);
int log_get_max_level(void);

/* Level by its syslog name ("debug", "warning", …) or number; -EINVAL. And back; NULL where out of range. */
int log_level_from_string(const char *s);
const char *log_level_to_string(int level);

/* Writes one line. error is 0 or an errno of either sign, added as ERRNO=. Answers -abs(error). */
int log_internal(int level, int error, const LogContext *context, const char *file, int line,
                const char *func, const char *format, ...) _printf_(7, 8);

/* A context made on the spot: LOG_ABOUT(.job = id, .message_id = MESSAGE_…). */
#define LOG_ABOUT(...) (&(const LogContext){ __VA_ARGS__ })

#define log_full(level, error, context, ...)                                                                \
        ({                                                                                                  \
                int _l = (level), _e = (error);                                                             \
                _l <= log_get_max_level() ? log_internal(_l, _e, (context), __FILE__, __LINE__, __func__,   \
                                                            __VA_ARGS__)                                    \
                                          : -abs(_e);                                                       \
        })

#define log_debug(...)   ((void) log_full(LOG_DEBUG, 0, NULL, __VA_ARGS__))
#define log_info(...)    ((void) log_full(LOG_INFO, 0, NULL, __VA_ARGS__))
#define log_notice(...)  ((void) log_full(LOG_NOTICE, 0, NULL, __VA_ARGS__))
#define log_warning(...) ((void) log_full(LOG_WARNING, 0, NULL, __VA_ARGS__))
#define log_error(...)   ((void) log_full(LOG_ERR, 0, NULL, __VA_ARGS__))

/* These answer -abs(error), so that a failure is logged and returned in one line. Add ": %m" yourself. */
#define log_debug_errno(error, ...)   log_full(LOG_DEBUG, error, NULL, __VA_ARGS__)
#define log_info_errno(error, ...)    log_full(LOG_INFO, error, NULL, __VA_ARGS__)
#define log_warning_errno(error, ...) log_full(LOG_WARNING, error, NULL, __VA_ARGS__)
#define log_error_errno(error, ...)   log_full(LOG_ERR, error, NULL, __VA_ARGS__)
#define log_oom()                     log_full(LOG_ERR, ENOMEM, NULL, "Out of memory")
