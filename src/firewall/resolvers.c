/* SPDX-License-Identifier: MIT */
#include "firewall/resolvers.h"

#include <errno.h>

#include "auth/network.h"
#include "basic/file-util.h"
#include "basic/string-util.h"

#define RESOLV_CONF_MAX (64 * (size_t) 1024)

/* Whether line is "nameserver ADDRESS" with an address that a container can ask. */
static bool is_usable(char *const *words)
{
        Address address;

        return strv_length(words) >= 2 && streq(words[0], "nameserver") &&
               address_parse(words[1], &address) >= 0 && !address_is_loopback(&address);
}

int resolvers_parse(const char *text, char ***ret_addresses)
{
        _cleanup_(strv_freep) char **lines = NULL, **found = NULL;
        int r;

        r = strv_split(text, "\r\n", &lines);
        for (char **line = lines; r >= 0 && line && *line; line++) {
                _cleanup_(strv_freep) char **words = NULL;

                r = strv_split(*line, " \t", &words);
                if (r >= 0 && is_usable(words) && !strv_contains(found, words[1]))
                        r = strv_extend(&found, words[1]);
        }
        if (r < 0)
                return r;
        if (found)
                strv_sort(found);
        *ret_addresses = TAKE_PTR(found);
        return 0;
}

static int read_one(const char *path, char ***ret_addresses)
{
        _cleanup_free_ char *text = NULL;
        int r;

        r = read_file(path, RESOLV_CONF_MAX, &text, NULL);
        return r < 0 ? r : resolvers_parse(text, ret_addresses);
}

int resolvers_read(char ***ret_addresses)
{
        char **found = NULL;
        int r;

        r = read_one(RESOLV_CONF, &found);
        if (r == -ENOMEM)
                return r;
        /* Nothing but a stub on loopback, or nothing at all. */
        if (!found) {
                r = read_one(RESOLV_CONF_UPLINKS, &found);
                if (r == -ENOMEM)
                        return r;
        }
        *ret_addresses = found;
        return 0;
}
