/* SPDX-License-Identifier: MIT */
#include "arkctl/logs.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-journal.h>

#include "arkctl/client.h"
#include "arkctl/objects.h"
#include "arkctl/output.h"
#include "arkctl/terminal.h"
#include "arkctl/text.h"
#include "basic/json-util.h"
#include "basic/last-words.h"
#include "basic/string-util.h"
#include "basic/time-util.h"
#include "basic/utf8.h"

/* So many are asked for, to choose the last words of. */
#define LINES_READ 200

/* What stands before the text of a line: the time and who wrote it. */
#define JOURNAL_MARGIN (sizeof "Nov 24 15:40:01 arkd " - 1)

int log_line_parse(const char *line, LogLine *ret)
{
        const char *source = strchr(line, ' '), *text = source ? strchr(source + 1, ' ') : NULL;
        LogLine parsed = { 0 };
        size_t n, m;
        char *zone;

        if (!text)
                return -EINVAL;
        n = (size_t) (source - line);
        m = (size_t) (text - source) - 1;
        if (n >= sizeof parsed.stamp || m >= sizeof parsed.source || m == 0)
                return -EINVAL;
        memcpy(parsed.stamp, line, n);
        memcpy(parsed.source, source + 1, m);
        /* Nanoseconds are more than parse_timestamp() takes. */
        zone = strchr(parsed.stamp, '.');
        if (zone && strlen(zone) == strlen(".000000000Z")) {
                char micro[sizeof parsed.stamp];

                (void) snprintf(micro, sizeof micro, "%.*sZ", (int) (zone - parsed.stamp + 7), parsed.stamp);
                if (parse_timestamp(micro, &parsed.usec) < 0)
                        return -EINVAL;
        } else if (parse_timestamp(parsed.stamp, &parsed.usec) < 0)
                return -EINVAL;
        parsed.text = text + 1;
        *ret = parsed;
        return 0;
}

/* "Nov 24 15:40:01", as the journal's own lines begin. */
static void print_time(uint64_t usec)
{
        time_t t = (time_t) (usec / USEC_PER_SEC);
        char text[32] = "";
        struct tm tm;

        if (localtime_r(&t, &tm))
                (void) strftime(text, sizeof text, "%b %d %H:%M:%S", &tm);
        (void) printf("%s ", text);
}

static const char *source_color(const char *source)
{
        return streq(source, "app") ? COLOR_CYAN : streq(source, "db") ? COLOR_BLUE : COLOR_BOLD;
}

static ExitCode print_json(const Ctl *ctl, const LogLine *line)
{
        _cleanup_json_ struct json_object *json = json_object_new_object();

        if (!json || json_set_string(json, "time", line->stamp) < 0 ||
                        json_set_string(json, "source", line->source) < 0 ||
                        json_set_string(json, "text", line->text) < 0)
                return ctl_failed(ENOMEM, "A line could not be printed");
        return json_print(ctl, TAKE_PTR(json));
}

ExitCode log_line_print(const Ctl *ctl, const char *line)
{
        LogLine parsed;

        if (log_line_parse(line, &parsed) < 0) {
                (void) puts(line);
                return CTL_OK;
        }
        if (ctl->json != JSON_OFF)
                return print_json(ctl, &parsed);
        print_time(parsed.usec);
        (void) printf("%s%-3s%s %s\n", terminal_color(source_color(parsed.source)), parsed.source,
                        terminal_color(COLOR_OFF), parsed.text);
        return CTL_OK;
}

static const char *text_of(const char *line)
{
        LogLine parsed;

        return log_line_parse(line, &parsed) < 0 ? line : strchr(strchr(line, ' ') + 1, ' ') + 1;
}

/* How many were printed, or a negative errno. */
static int print_chosen(const Ctl *ctl, char *const *lines, unsigned max)
{
        size_t n = strv_length(lines), kept = 0;
        _cleanup_free_ const char **texts = new0(const char *, n);
        _cleanup_free_ bool *keep = new0(bool, n);

        if (!texts || !keep)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                texts[i] = text_of(lines[i]);
        kept = last_words_choose(texts, n, max, keep);
        for (size_t i = 0; i < n; i++)
                if (keep[i])
                        (void) log_line_print(ctl, lines[i]);
        return (int) kept;
}

int logs_print_last(Ctl *ctl, const char *id, unsigned lines)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(strv_freep) char **read = NULL;
        _cleanup_free_ char *path = NULL;
        int asking = sd_bus_get_allow_interactive_authorization(ctl->bus);
        const char *line;
        int r;

        r = instance_path(id, &path);
        if (r < 0)
                return r;
        (void) sd_bus_set_allow_interactive_authorization(ctl->bus, false);
        r = ctl_try(ctl, path, ARK_INSTANCE_INTERFACE, "GetLogs", &error, &reply, "su", "",
                        lines > LINES_READ ? lines : LINES_READ);
        (void) sd_bus_set_allow_interactive_authorization(ctl->bus, asking > 0);
        if (r < 0)
                return bus_exit_code(error.name, r) == CTL_DENIED ? -EACCES : r;
        r = sd_bus_message_skip(reply, "s");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(reply, 's', &line)) > 0)
                r = strv_extend(&read, line);
        return r < 0 || !read ? r : print_chosen(ctl, read, lines);
}

/* A field's value, or "". It is the journal's until the next call. */
static const char *journal_field(sd_journal *journal, const char *name, size_t *ret_length)
{
        const char *data;
        size_t length, skip = strlen(name) + 1;

        if (sd_journal_get_data(journal, name, (const void **) &data, &length) < 0 || length < skip) {
                *ret_length = 0;
                return "";
        }
        *ret_length = length - skip;
        return data + skip;
}

static void journal_print_entry(sd_journal *journal)
{
        _cleanup_free_ char *source = NULL, *line = NULL;
        size_t n, columns = terminal_columns(STDOUT_FILENO);
        const char *text;
        uint64_t usec;

        if (sd_journal_get_realtime_usec(journal, &usec) < 0)
                return;
        text = journal_field(journal, "CONTAINER_NAME", &n);
        if (n > 0)
                source = strdup(n > 3 && memcmp(text + n - 3, "_db", 3) == 0 ? "db" : "app");
        else {
                text = journal_field(journal, "SYSLOG_IDENTIFIER", &n);
                source = utf8_make_valid(text, n);
        }
        /* Applications, and anybody on this host, write these: a terminal must not obey them. */
        text = journal_field(journal, "MESSAGE", &n);
        line = utf8_make_valid(text, n);
        if (!line || !source)
                return;
        line[strcspn(line, "\n")] = '\0';
        /* As systemctl does: a line each, the rest is for "arkctl logs" and journalctl. */
        if (terminal_is_output())
                text_truncate(line, columns > JOURNAL_MARGIN ? columns - JOURNAL_MARGIN : columns);
        print_time(usec);
        (void) printf("%s%-4s%s %s\n", terminal_color(source_color(source)), source,
                        terminal_color(COLOR_OFF), line);
}

int journal_print(const char *id, unsigned lines)
{
        _cleanup_free_ char *match = str_printf("ARK_INSTANCE=%s", id);
        sd_journal *journal = NULL;
        int r, n = 0;

        if (!match)
                return -ENOMEM;
        r = sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY);
        if (r < 0)
                return r;
        r = sd_journal_add_match(journal, match, 0);
        if (r >= 0)
                r = sd_journal_seek_tail(journal);
        if (r >= 0)
                r = sd_journal_previous_skip(journal, lines);
        for (; r > 0; r = sd_journal_next(journal)) {
                journal_print_entry(journal);
                n++;
        }
        sd_journal_close(journal);
        return r < 0 ? r : n;
}
