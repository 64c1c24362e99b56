/* SPDX-License-Identifier: MIT */
#include "basic/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/uio.h>
/* A line is where its caller is, not here. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "basic/parse.h"

#define LINE_MAX_BYTES 4096
#define FIELDS_MAX     15

static const char *const level_names[] = {
        [LOG_EMERG] = "emerg",
        [LOG_ALERT] = "alert",
        [LOG_CRIT] = "crit",
        [LOG_ERR] = "err",
        [LOG_WARNING] = "warning",
        [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",
        [LOG_DEBUG] = "debug",
};

static int max_level = -1;

int log_level_from_string(const char *s)
{
        unsigned level;

        for (size_t i = 0; i < ELEMENTSOF(level_names); i++)
                if (streq(s, level_names[i]))
                        return (int) i;
        if (parse_unsigned(s, &level) < 0 || level > LOG_DEBUG)
                return -EINVAL;
        return (int) level;
}

const char *log_level_to_string(int level)
{
        return level >= 0 && level <= LOG_DEBUG ? level_names[level] : NULL;
}

void log_set_max_level(int level)
{
        max_level = level;
}

int log_get_max_level(void)
{
        if (max_level < 0) {
                const char *e = getenv("ARKD_LOG_LEVEL");
                int level = e ? log_level_from_string(e) : LOG_INFO;

                max_level = level < 0 ? LOG_INFO : level;
        }
        return max_level;
}

/* Under a service manager standard error is the journal's own stream, where fields would be lost. */
static bool log_to_journal(void)
{
        static int cached = -1;

        if (cached < 0)
                cached = getenv("JOURNAL_STREAM") != NULL;
        return cached;
}

static void add_field(
                struct iovec *iov, size_t *n, char *buffer, size_t size, const char *name, const char *value)
{
        int r;

        if (!value || *n >= FIELDS_MAX)
                return;
        r = snprintf(buffer, size, "%s=%s", name, value);
        if (r < 0)
                return;
        iov[(*n)++] = (struct iovec){ buffer, (size_t) r < size ? (size_t) r : size - 1 };
}

static int send_to_journal(int level, int error, const LogContext *c, const char *file, int line,
                const char *func, const char *message)
{
        char text[LINE_MAX_BYTES + 16], fields[FIELDS_MAX][256], number[16];
        struct iovec iov[FIELDS_MAX];
        size_t n = 0;

        add_field(iov, &n, text, sizeof text, "MESSAGE", message);
        snprintf(number, sizeof number, "%d", level);
        add_field(iov, &n, fields[n], sizeof fields[n], "PRIORITY", number);
        add_field(iov, &n, fields[n], sizeof fields[n], "SYSLOG_IDENTIFIER", program_invocation_short_name);
        add_field(iov, &n, fields[n], sizeof fields[n], "CODE_FILE", file);
        snprintf(number, sizeof number, "%d", line);
        add_field(iov, &n, fields[n], sizeof fields[n], "CODE_LINE", number);
        add_field(iov, &n, fields[n], sizeof fields[n], "CODE_FUNC", func);
        if (error) {
                snprintf(number, sizeof number, "%d", abs(error));
                add_field(iov, &n, fields[n], sizeof fields[n], "ERRNO", number);
        }
        if (c) {
                add_field(iov, &n, fields[n], sizeof fields[n], "ARK_INSTANCE", c->instance);
                add_field(iov, &n, fields[n], sizeof fields[n], "ARK_PRODUCT", c->product);
                add_field(iov, &n, fields[n], sizeof fields[n], "ARK_JOB", c->job);
                add_field(iov, &n, fields[n], sizeof fields[n], "ARK_STEP", c->step);
                add_field(iov, &n, fields[n], sizeof fields[n], "ARK_CALLER", c->caller);
                add_field(iov, &n, fields[n], sizeof fields[n], "ARK_ORIGIN", c->origin);
                add_field(iov, &n, fields[n], sizeof fields[n], "ARK_ACTION", c->action);
                add_field(iov, &n, fields[n], sizeof fields[n], "MESSAGE_ID", c->message_id);
        }
        return sd_journal_sendv(iov, (int) n);
}

int log_internal(int level, int error, const LogContext *context, const char *file, int line,
                const char *func, const char *format, ...)
{
        char message[LINE_MAX_BYTES];
        va_list ap;

        errno = abs(error); /* for %m */
        va_start(ap, format);
        (void) vsnprintf(message, sizeof message, format, ap);
        va_end(ap);

        if (!log_to_journal() || send_to_journal(level, error, context, file, line, func, message) < 0)
                (void) fprintf(stderr, "%s%s%s\n", context && context->instance ? context->instance : "",
                                context && context->instance ? ": " : "", message);
        return -abs(error);
}
