/* SPDX-License-Identifier: MIT */
#include "journal/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* Cuts the next word off: it ends at the character, which must be there. */
static char *take_word(char **rest, char end)
{
        char *word = *rest, *stop = strchr(word, end);

        if (!stop)
                return NULL;
        *stop = '\0';
        *rest = stop + 1;
        return word;
}

static int take_name(char **rest, char end, const char **ret)
{
        char *word = take_word(rest, end);

        if (!word || !*word ||
                        word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."
                                          "-")])
                return -EINVAL;
        *ret = word;
        return 0;
}

static int take_priority(char **rest, int *ret)
{
        char *word, *end;
        unsigned long n;

        if (**rest != '<')
                return -EINVAL;
        (*rest)++;
        word = take_word(rest, '>');
        if (!word || !*word || strspn(word, "0123456789") != strlen(word))
                return -EINVAL;
        n = strtoul(word, &end, 10);
        if (n > (LOG_FACMASK | LOG_PRIMASK) || strncmp(*rest, "1 ", 2) != 0)
                return -EINVAL;
        *rest += 2;
        *ret = LOG_PRI((int) n);
        return 0;
}

int journal_line_parse(char *datagram, size_t n, JournalLine *ret)
{
        char *rest = datagram;
        JournalLine line;

        datagram[n] = '\0';
        if (take_priority(&rest, &line.priority) < 0 || !take_word(&rest, ' ') || !take_word(&rest, ' ') ||
                        take_name(&rest, '/', &line.instance) < 0 ||
                        take_name(&rest, '/', &line.container) < 0 || take_name(&rest, ' ', &line.id) < 0 ||
                        !take_word(&rest, ' ') || !take_word(&rest, ' ') || strncmp(rest, "- ", 2) != 0)
                return -EINVAL;
        line.text = rest + 2;
        line.n_text = (size_t) (datagram + n - line.text);
        while (line.n_text > 0 && line.text[line.n_text - 1] == '\n')
                line.n_text--;
        *ret = line;
        return 0;
}
