/* SPDX-License-Identifier: MIT */
#include "arkctl/resolve.h"

#include <errno.h>

#include "arkctl/client.h"
#include "arkctl/suggest.h"
#include "basic/random-util.h"
#include "basic/string-util.h"

#define ID_PREFIX "client_"
#define ID_RANDOM 12

/* Of the instances that an abbreviation fits, how many are named. */
#define NAMED_MAX 4

bool resolve_is_whole_id(const char *word)
{
        const char *random = startswith(word, ID_PREFIX);

        return random && strlen(random) == ID_RANDOM && strspn(random, ALPHABET_BASE32) == ID_RANDOM;
}

/* Does id begin with word, with or without what all ids begin with? */
static bool fits(const char *word, const char *id)
{
        const char *random = startswith(id, ID_PREFIX);

        return startswith(id, word) || (random && startswith(random, word));
}

int resolve_prefix(const char *word, const char *const *ids, size_t n, const char **ret_match)
{
        const char *match = NULL;
        size_t hits = 0;

        for (size_t i = 0; i < n; i++) {
                if (streq(ids[i], word)) {
                        *ret_match = ids[i];
                        return 0;
                }
                if (!fits(word, ids[i]))
                        continue;
                if (!match)
                        match = ids[i];
                hits++;
        }
        if (hits == 0 || !*word)
                return -ENOENT;
        *ret_match = match;
        return hits == 1 ? 0 : -ENOTUNIQ;
}

/* The first member of each structure in an array; members: their types, rest: those after the first. */
static int read_ids(sd_bus_message *m, const char *members, const char *rest, char ***ret_ids)
{
        _cleanup_(strv_freep) char **ids = NULL;
        const char *id;
        int r;

        r = sd_bus_message_enter_container(m, 'a', NULL);
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', members)) > 0) {
                r = sd_bus_message_read_basic(m, 's', &id);
                if (r >= 0)
                        r = strv_extend(&ids, id);
                if (r >= 0)
                        r = sd_bus_message_skip(m, rest);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        *ret_ids = TAKE_PTR(ids);
        return 0;
}

static ExitCode list_instances(Ctl *ctl, const char *act, char ***ret_ids)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        ExitCode e;
        int r;

        e = ctl_call_manager(ctl, act, "ListInstances", &reply, "a{sv}", 0);
        if (e != CTL_OK)
                return e;
        r = read_ids(reply, "ssssto", "sssto", ret_ids);
        return r < 0 ? ctl_report(ctl, act, r, NULL) : CTL_OK;
}

static ExitCode refuse_word(const char *word, int r, char **ids)
{
        _cleanup_free_ char *all = strdup("");
        const char *nearest;
        size_t n = 0;

        if (r == -ENOENT) {
                nearest = suggest_nearest(word, (const char *const *) ids, strv_length(ids));
                if (nearest)
                        ctl_error("There is no instance \"%s\". Did you mean \"%s\"?", word, nearest);
                else
                        ctl_error("There is no instance \"%s\". \"arkctl list\" shows those there are.",
                                        word);
                return CTL_NOT_FOUND;
        }
        for (char **id = ids; id && *id && all; id++) {
                char *more;

                if (!fits(word, *id) || ++n > NAMED_MAX)
                        continue;
                more = str_printf("%s%s%s", all, *all ? ", " : "", *id);
                free(all);
                all = more;
        }
        ctl_error("\"%s\" fits %zu instances: %s%s. Give more characters of the id.", word, n, strempty(all),
                        n > NAMED_MAX ? " and others" : "");
        return CTL_NOT_FOUND;
}

ExitCode resolve_instance(Ctl *ctl, const char *word, char **ret_id)
{
        _cleanup_(strv_freep) char **ids = NULL;
        const char *match = word;
        int r = 0;

        if (!resolve_is_whole_id(word)) {
                ExitCode e = list_instances(ctl, "look for the instance", &ids);

                if (e != CTL_OK)
                        return e;
                r = resolve_prefix(word, (const char *const *) ids, strv_length(ids), &match);
        }
        if (r < 0)
                return refuse_word(word, r, ids);
        *ret_id = strdup(match);
        return *ret_id ? CTL_OK : ctl_failed(ENOMEM, "The instance cannot be looked for");
}

static void suggest_among(const char *word, const char *what, char **ids)
{
        const char *nearest = suggest_nearest(word, (const char *const *) ids, strv_length(ids));

        if (nearest)
                ctl_error("Did you mean the %s \"%s\"?", what, nearest);
}

void resolve_suggest_instance(Ctl *ctl, const char *word)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(strv_freep) char **ids = NULL;

        if (ctl_try(ctl, ARK_BUS_PATH, ARK_MANAGER_INTERFACE, "ListInstances", NULL, &reply, "a{sv}", 0) >=
                                        0 &&
                        read_ids(reply, "ssssto", "sssto", &ids) >= 0)
                suggest_among(word, "instance", ids);
}

void resolve_suggest_product(Ctl *ctl, const char *word)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(strv_freep) char **ids = NULL;

        if (ctl_try(ctl, ARK_BUS_PATH, ARK_MANAGER_INTERFACE, "ListProducts", NULL, &reply, NULL) >= 0 &&
                        read_ids(reply, "sso", "so", &ids) >= 0)
                suggest_among(word, "product", ids);
}
