/* SPDX-License-Identifier: MIT */
#include "arkd/config-file.h"

#include <errno.h>
#include <stdio.h>

#include "basic/log.h"
#include "basic/messages.h"
#include "basic/string-util.h"

#define SECTION "arkd"
#define BLANK   " \t\r\n\v\f"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define WORD    LETTERS "0123456789_-"

typedef struct ConfigReader {
        const char *path;
        ConfigKeyHandler on_key;
        void *userdata;
        unsigned line;
        char *section; /* NULL: none has begun */
        char *name, *value; /* of the key that may go on in the next line; NULL: none */
        unsigned name_line, value_line; /* where it is, and where its value ends so far */
        int error;
} ConfigReader;

static const LogContext refused = { .message_id = MESSAGE_CONFIG_REFUSED };
static const LogContext unknown = { .message_id = MESSAGE_CONFIG_UNKNOWN_KEY };

static void refuse_line(ConfigReader *reader, const char *reason)
{
        log_full(LOG_ERR, 0, &refused, "%s:%u: %s", reader->path, reader->line, reason);
        reader->error = -EINVAL;
        reader->name = mfree(reader->name);
}

static bool is_comment(const char *s)
{
        return *s == '#' || *s == ';';
}

static void cut_blanks(char *s)
{
        size_t n = strlen(s);

        while (n > 0 && strchr(BLANK, s[n - 1]))
                s[--n] = '\0';
}

/* ---- Keys ---- */

/* Hands over the key that was read last: the line that is read now does not go on with it. */
static void finish_key(ConfigReader *reader)
{
        const ConfigPlace place = { reader->path, reader->name_line, reader->value_line };
        int r = 0;

        if (!reader->name)
                return;
        if (!reader->section)
                log_full(LOG_WARNING, 0, &unknown, "%s:%u: %s= stands before [" SECTION "], ignoring it",
                                place.path, place.line, reader->name);
        else if (!streq(reader->section, SECTION))
                log_full(LOG_WARNING, 0, &unknown,
                                "%s:%u: Section [%s] is not known, ignoring %s=", place.path, place.line,
                                reader->section, reader->name);
        else
                r = reader->on_key(reader->userdata, &place, reader->name, reader->value);
        if (r < 0)
                reader->error = r;
        reader->name = mfree(reader->name);
}

/* Cuts blanks, a comment and quotes off. Within quotes # and ; are part of the value. */
static const char *read_value(char *text, const char **ret)
{
        char *begin = text + strspn(text, BLANK), *end;

        if (*begin == '"' || *begin == '\'') {
                end = strchr(begin + 1, *begin);
                if (!end)
                        return "The quote is not closed";
                if (end[1] && (!strchr(BLANK, end[1]) || !is_comment(end + 1 + strspn(end + 1, BLANK))))
                        return "Something follows the closing quote; quotes go around the whole value";
                *end = '\0';
                *ret = begin + 1;
                return NULL;
        }
        for (char *p = text; *p; p++)
                if (is_comment(p) && p > text && strchr(BLANK, p[-1])) {
                        *p = '\0';
                        break;
                }
        cut_blanks(begin);
        *ret = begin;
        return NULL;
}

static void read_key(ConfigReader *reader, char *line)
{
        char *separator = strpbrk(line, "=:");
        const char *value = NULL, *fault;

        if (!separator || separator == line) {
                refuse_line(reader, "This line is neither [section], key=value nor a # comment");
                return;
        }
        *separator = '\0';
        cut_blanks(line);
        fault = read_value(separator + 1, &value);
        if (fault) {
                refuse_line(reader, fault);
                return;
        }
        if (free_and_strdup(&reader->value, value) < 0 || free_and_strdup(&reader->name, line) < 0)
                reader->error = log_oom();
        reader->name_line = reader->value_line = reader->line;
}

static void go_on_with_value(ConfigReader *reader, char *line)
{
        const char *value = NULL, *fault = read_value(line, &value);
        char *whole;

        if (fault) {
                refuse_line(reader, fault);
                return;
        }
        whole = str_printf("%s%s%s", reader->value, *reader->value ? " " : "", value);
        if (!whole) {
                reader->error = log_oom();
                return;
        }
        free(reader->value);
        reader->value = whole;
        reader->value_line = reader->line;
}

/* ---- Lines ---- */

static void read_section(ConfigReader *reader, char *line)
{
        char *end = strchr(line, ']');
        const char *rest = end ? end + 1 + strspn(end + 1, BLANK) : "";

        if (!end || (*rest && !is_comment(rest))) {
                refuse_line(reader, "This line begins a section, but is not [section] alone");
                return;
        }
        *end = '\0';
        if (free_and_strdup(&reader->section, line + 1) < 0)
                reader->error = log_oom();
}

/* Of an indented line: whether it begins something. Else it goes on with the value above, as lists do over many lines. */
static bool begins_anew(const char *line)
{
        size_t n = strspn(line, WORD);

        if (*line == '[')
                return line[1 + strspn(line + 1, WORD)] == ']';
        return n > 0 && line[n + strspn(line + n, BLANK)] == '=';
}

static void read_line(ConfigReader *reader, char *line)
{
        char *begin = line + strspn(line, BLANK);

        cut_blanks(begin);
        if (!*begin || is_comment(begin))
                return;
        if (begin > line && reader->name && !begins_anew(begin)) {
                go_on_with_value(reader, begin);
                return;
        }
        finish_key(reader);
        if (*begin == '[')
                read_section(reader, begin);
        else
                read_key(reader, begin);
}

static void read_lines(ConfigReader *reader, FILE *file)
{
        static const char mark[] =
                        "\xef\xbb\xbf"; /* some editors put it at the beginning of what is UTF-8 */
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        ssize_t n;

        while ((n = getline(&line, &size, file)) >= 0) {
                const bool is_marked = reader->line++ == 0 && startswith(line, mark);

                if (strlen(line) != (size_t) n)
                        refuse_line(reader, "This line has a NUL byte; the file must be UTF-8 text");
                else
                        read_line(reader, line + (is_marked ? strlen(mark) : 0));
        }
        finish_key(reader);
}

int config_file_read(const char *path, ConfigKeyHandler on_key, void *userdata)
{
        ConfigReader reader = { .path = path, .on_key = on_key, .userdata = userdata };
        FILE *file = fopen(path, "re");

        if (!file)
                return errno == ENOENT ? 0 : log_error_errno(errno, "%s cannot be read: %m", path);
        errno = 0;
        read_lines(&reader, file);
        if (ferror(file))
                reader.error = log_error_errno(errno ?: EIO, "%s cannot be read: %m", path);
        (void) fclose(file);
        free(reader.section);
        free(reader.name);
        free(reader.value);
        return reader.error;
}
