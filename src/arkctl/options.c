/* SPDX-License-Identifier: MIT */
#include "arkctl/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "arkctl/suggest.h"
#include "basic/parse.h"
#include "basic/string-util.h"

/* As many as the daemon gives at once. */
#define LINES_MAX 1000

static int parse_json(Ctl *ctl, const char *value)
{
        static const char *const modes[] = {
                [JSON_OFF] = "off",
                [JSON_SHORT] = "short",
                [JSON_PRETTY] = "pretty",
        };

        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (streq(value, modes[i])) {
                        ctl->json = (JsonMode) i;
                        return 0;
                }
        return -EINVAL;
}

static int parse_j(Ctl *ctl, const char *value)
{
        ctl->json = isatty(STDOUT_FILENO) ? JSON_PRETTY : JSON_SHORT;
        return 0;
}

static int parse_text(const char **target, const char *value)
{
        *target = value;
        return *value ? 0 : -EINVAL;
}

/* Of ssh(1) and systemd-stdio-bridge(1): nothing that they would take for an option. */
static int parse_place(const char **target, const char *value)
{
        *target = value;
        return *value && *value != '-' ? 0 : -EINVAL;
}

static int parse_lines(Ctl *ctl, const char *value)
{
        unsigned n;

        ctl->lines = value;
        return parse_unsigned(value, &n) < 0 || n > LINES_MAX ? -EINVAL : 0;
}

static int parse_status(Ctl *ctl, const char *value)
{
        static const char *const known[] = { "pending", "running", "failed", "deleting", "deleted",
                "sleeping" };

        ctl->status = value;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(known[i], value))
                        return 0;
        return -EINVAL;
}

#define DEFINE_FLAG(function, member)                                                                       \
        static int function(Ctl *ctl, const char *value)                                                    \
        {                                                                                                   \
                ctl->member = true;                                                                         \
                return 0;                                                                                   \
        }
#define DEFINE_TEXT(function, parse, member)                                                                \
        static int function(Ctl *ctl, const char *value)                                                    \
        {                                                                                                   \
                return parse(&ctl->member, value);                                                          \
        }

DEFINE_FLAG(parse_no_pager, no_pager)
DEFINE_FLAG(parse_no_legend, no_legend)
DEFINE_FLAG(parse_quiet, quiet)
DEFINE_FLAG(parse_yes, yes)
DEFINE_FLAG(parse_no_ask_password, no_ask_password)
DEFINE_FLAG(parse_help, help)
DEFINE_FLAG(parse_version, version)
DEFINE_FLAG(parse_all, all)
DEFINE_FLAG(parse_dry_run, dry_run)
DEFINE_FLAG(parse_follow, follow)
DEFINE_FLAG(parse_no_block, no_block)
DEFINE_FLAG(parse_discard_files, discard_files)
DEFINE_TEXT(parse_host, parse_place, host)
DEFINE_TEXT(parse_machine, parse_place, machine)
DEFINE_TEXT(parse_until, parse_text, until)
DEFINE_TEXT(parse_older_than, parse_text, older_than)
DEFINE_TEXT(parse_product, parse_text, product)
DEFINE_TEXT(parse_key, parse_text, idempotency_key)

const Option options[] = {
        { "all", 'a', NULL, "List deleted ones too; adopt, restart all in need", " list adopt restart ",
                        parse_all },
        { "status", 0, "STATUS", "List those of this status only", " list ", parse_status,
                        "pending, running, failed, sleeping, deleting or deleted" },
        { "product", 0, "PRODUCT", "List those of this product only", " list ", parse_product,
                        "the id of a product" },
        { "no-block", 0, NULL, "Do not wait until the instance runs", " deploy ", parse_no_block },
        { "idempotency-key", 0, "KEY", "The same key again answers with the same instance", " deploy ",
                        parse_key, "a text" },
        { "follow", 'f', NULL, "Go on with new lines as they come", " logs ", parse_follow },
        { "lines", 'n', "LINES", "How many past lines, up to 1000", " logs show ", parse_lines,
                        "a number from 0 to 1000" },
        { "until", 0, "WHEN", "Until a date, for a time span, or \"forever\"", " keep ", parse_until,
                        "a date such as 2027-01-31, a time span such as 90d, or \"forever\"" },
        { "discard-files", 0, NULL, "Make containers again that have files of their own", " restart ",
                        parse_discard_files },
        { "older-than", 0, "AGE", "Delete what is older than this, such as 30d", " cleanup ",
                        parse_older_than, "a time span such as 30d" },
        { "dry-run", 0, NULL, "Only say what would be deleted", " cleanup ", parse_dry_run },
        { "yes", 'y', NULL, "Do not ask before something is deleted", " delete cleanup product-delete ",
                        parse_yes },
        { "json", 0, "MODE", "Print JSON: pretty, short or off", NULL, parse_json, "pretty, short or off" },
        { "", 'j', NULL, "JSON, pretty on a terminal and short otherwise", NULL, parse_j },
        { "host", 'H', "[USER@]HOST", "Work on another host, over ssh", NULL, parse_host,
                        "a host's name, with user@ before it if need be" },
        { "machine", 'M', "MACHINE", "Work in a local container", NULL, parse_machine,
                        "a container's name" },
        { "no-pager", 0, NULL, "Do not pipe long output into a pager", NULL, parse_no_pager },
        { "no-legend", 0, NULL, "Do not print column headings and sums", NULL, parse_no_legend },
        { "no-ask-password", 0, NULL, "Do not let polkit ask for a password", NULL, parse_no_ask_password },
        { "quiet", 'q', NULL, "Print results and errors only", NULL, parse_quiet },
        { "help", 'h', NULL, "Show this help", NULL, parse_help },
        { "version", 0, NULL, "Show the version", NULL, parse_version },
};
const size_t n_options = ELEMENTSOF(options);

/* Which of them were given, to be compared with the verb when that is known. */
static bool given[ELEMENTSOF(options)];

/* Values of long options begin here: letters end before. */
#define LONG_BASE 256

static void make_getopt(struct option *longs, char *letters)
{
        size_t n = 0;

        *letters++ = ':'; /* errors are told apart, and by us */
        for (size_t i = 0; i < n_options; i++) {
                const Option *o = options + i;

                if (*o->name)
                        longs[n++] = (struct option){
                                .name = o->name,
                                .has_arg = o->argument ? required_argument : no_argument,
                                .val = LONG_BASE + (int) i,
                        };
                if (!o->letter)
                        continue;
                *letters++ = o->letter;
                if (o->argument)
                        *letters++ = ':';
        }
        *letters = '\0';
}

static size_t option_index(int value)
{
        if (value >= LONG_BASE)
                return (size_t) (value - LONG_BASE);
        for (size_t i = 0; i < n_options; i++)
                if (options[i].letter == (char) value)
                        return i;
        return n_options;
}

static ExitCode refuse_unknown(const char *word)
{
        const char *names[ELEMENTSOF(options)], *nearest;
        _cleanup_free_ char *name = NULL;

        /* An abbreviation that fits several comes here too, and what it fits is near to it. */
        if (!startswith(word, "--")) {
                ctl_error("Option -%c is not known. See \"arkctl --help\".", optopt);
                return CTL_USAGE;
        }
        name = strndup(word + 2, strcspn(word + 2, "="));
        for (size_t i = 0; i < n_options; i++)
                names[i] = *options[i].name ? options[i].name : NULL;
        nearest = name ? suggest_nearest(name, names, n_options) : NULL;
        if (nearest)
                ctl_error("Option --%s is not known. Did you mean --%s?", name, nearest);
        else
                ctl_error("Option %s is not known. See \"arkctl --help\".", word);
        return CTL_USAGE;
}

static ExitCode options_take(Ctl *ctl, const Option *o, const char *value)
{
        int r = o->parse(ctl, value);

        if (r >= 0)
                return CTL_OK;
        ctl_error("--%s=%s is not valid. It must be %s.", o->name, value, o->expected);
        return CTL_USAGE;
}

ExitCode options_parse(Ctl *ctl, int argc, char **argv, char ***ret_arguments)
{
        struct option longs[ELEMENTSOF(options) + 1] = { 0 };
        char letters[2 * ELEMENTSOF(options) + 2];
        int c;

        make_getopt(longs, letters);
        optind = 0; /* glibc begins anew */
        while ((c = getopt_long(argc, argv, letters, longs, NULL)) >= 0) {
                size_t i = c == '?' || c == ':' ? n_options : option_index(c);
                ExitCode e;

                if (c == ':') {
                        ctl_error("Option %s needs a value. See \"arkctl --help\".", argv[optind - 1]);
                        return CTL_USAGE;
                }
                if (i == n_options)
                        return refuse_unknown(argv[optind - 1]);
                given[i] = true;
                e = options_take(ctl, options + i, optarg);
                if (e != CTL_OK)
                        return e;
        }
        if (ctl->host && ctl->machine) {
                ctl_error("--host= and --machine= exclude each other.");
                return CTL_USAGE;
        }
        *ret_arguments = argv + optind;
        return CTL_OK;
}

bool option_is_of(const Option *option, const Verb *verb)
{
        _cleanup_free_ char *word = NULL;

        if (!option->verbs)
                return true;
        word = str_printf(" %s ", verb->name);
        for (char *p = word ? word + 1 : NULL; p && p[1]; p++)
                if (*p == ' ')
                        *p = '-';
        return word && strstr(option->verbs, word);
}

ExitCode options_check(const Verb *verb)
{
        for (size_t i = 0; i < n_options; i++)
                if (given[i] && !option_is_of(options + i, verb)) {
                        ctl_error("\"%s\" has no option --%s. See \"arkctl help %s\".", verb->name,
                                        options[i].name, verb->name);
                        return CTL_USAGE;
                }
        return CTL_OK;
}
