/* SPDX-License-Identifier: MIT */

/* Whether the store has all that it was ever given, and knows of all that this host has. */

#include <errno.h>
#include <inttypes.h>

#include "arkctl/checks.h"
#include "arkctl/text.h"
#include "arkctl/unknown.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

typedef struct Condition {
        uint64_t found, expected, rewritten_usec;
        int settled;
        char **damaged;
} Condition;

static void condition_done(Condition *c)
{
        strv_free(c->damaged);
}

static int get(Ctl *ctl, const char *property, const char *type, sd_bus_error *error, sd_bus_message **ret)
{
        int r = ctl_try(ctl, ARK_BUS_PATH, PROPERTIES_INTERFACE, "Get", error, ret, "ss",
                        ARK_MANAGER_INTERFACE, property);

        return r < 0 ? r : sd_bus_message_enter_container(*ret, 'v', type);
}

static int condition_read(Ctl *ctl, Condition *c)
{
        _cleanup_message_ sd_bus_message *behind = NULL, *rewritten = NULL, *damaged = NULL;
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = get(ctl, "StoreBehind", "(ttb)", &error, &behind);
        if (r >= 0)
                r = sd_bus_message_read(behind, "(ttb)", &c->found, &c->expected, &c->settled);
        if (r >= 0)
                r = get(ctl, "StoreRewritten", "t", &error, &rewritten);
        if (r >= 0)
                r = sd_bus_message_read_basic(rewritten, 't', &c->rewritten_usec);
        if (r >= 0)
                r = get(ctl, "DamagedRecords", "as", &error, &damaged);
        return r >= 0 ? sd_bus_message_read_strv(damaged, &c->damaged) : r;
}

/* ---- Records ---- */

static int check_damaged(Checks *checks, const Condition *c)
{
        _cleanup_free_ char *names = checks_join_names(c->damaged);

        if (!names)
                return -ENOMEM;
        return checks_add(checks, "records", VERDICT_FAILED,
                        "See \"journalctl -u arkd\" for what is wrong with them. \"arkctl adopt ID\" makes "
                        "an instance's record again from its compose file; a product is put again with "
                        "\"arkctl product set\". Or restore the store (Redis).",
                        "%zu cannot be read: %s", strv_length(c->damaged), names);
}

static int check_behind(Checks *checks, const Condition *c)
{
        if (!c->settled)
                return checks_add(checks, "records", VERDICT_FAILED,
                                "Run \"arkctl adopt --all\", which takes back every instance that the store "
                                "does "
                                "not know. Or restore a newer copy of the store and restart arkd.",
                                "The store (Redis) is an older copy, or was emptied: it had %" PRIu64
                                " of %" PRIu64 " changes. Nothing that it does not know is removed",
                                c->found, c->expected);
        return checks_add(checks, "records", VERDICT_WARNING,
                        "Compare \"arkctl product list\" with what should be there, and put missing or "
                        "older "
                        "products with \"arkctl product set\". This is told until arkd is restarted.",
                        "The store (Redis) had %" PRIu64 " of %" PRIu64
                        " changes when it was read. It knows every instance again; products may be older",
                        c->found, c->expected);
}

static int check_records(Ctl *ctl, Checks *checks)
{
        _cleanup_(condition_done) Condition c = { 0 };
        char relative[TEXT_SHORT_MAX];

        if (condition_read(ctl, &c) < 0)
                return checks_add(checks, "records", VERDICT_SKIPPED, NULL,
                                "The arkd that runs is too old to tell");
        if (c.damaged && *c.damaged)
                return check_damaged(checks, &c);
        if (c.expected > 0)
                return check_behind(checks, &c);
        if (c.rewritten_usec > 0)
                return checks_add(checks, "records", VERDICT_WARNING,
                                "Find out who emptied or replaced it: see \"journalctl -u arkd -u "
                                "arkd-redis\". This is told until arkd is restarted.",
                                "The store (Redis) was emptied while arkd ran, and all was written to it "
                                "again "
                                "%s",
                                text_relative(c.rewritten_usec, now_realtime(), relative));
        return checks_add(
                        checks, "records", VERDICT_OK, NULL, "The store (Redis) has all that it was given");
}

/* ---- Unknown instances ---- */

static char *join_unknown(const UnknownList *list)
{
        _cleanup_(strv_freep) char **names = NULL;

        for (size_t i = 0; i < list->n; i++) {
                _cleanup_free_ char *name = unknown_name(list->items + i);

                if (!name || strv_extend(&names, name) < 0)
                        return NULL;
        }
        return checks_join_names(names);
}

/* The first that cannot be taken back; NULL where all can. */
static const UnknownView *find_problem(const UnknownList *list)
{
        for (size_t i = 0; i < list->n; i++)
                if (*list->items[i].problem)
                        return list->items + i;
        return NULL;
}

static char *unknown_remedy(const UnknownList *list)
{
        static const char adopt[] = "Run \"arkctl adopt --all\" to take them back.";
        const UnknownView *problem = find_problem(list);

        return problem ? str_printf("%s %s cannot be adopted: %s.", adopt, problem->id, problem->problem)
                       : strdup(adopt);
}

static int check_unknown(Ctl *ctl, Checks *checks)
{
        _cleanup_(unknown_list_done) UnknownList list = { 0 };
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *names = NULL, *remedy = NULL;

        if (unknown_list_read(ctl, &list, &error) < 0)
                return checks_add(checks, "unknown", VERDICT_SKIPPED, NULL,
                                "The arkd that runs is too old to tell");
        if (list.n == 0)
                return checks_add(checks, "unknown", VERDICT_OK, NULL,
                                "The store (Redis) knows every instance that this host has");
        names = join_unknown(&list);
        remedy = unknown_remedy(&list);
        if (!names || !remedy)
                return -ENOMEM;
        return checks_add(checks, "unknown", VERDICT_FAILED, remedy,
                        "The store (Redis) does not know %zu instance%s that this host has: %s. %s left as "
                        "%s",
                        list.n, list.n == 1 ? "" : "s", names, list.n == 1 ? "It is" : "They are",
                        list.n == 1 ? "it is" : "they are");
}

int check_store(Ctl *ctl, Checks *checks)
{
        int r;

        if (checks->daemon != CTL_OK) {
                r = checks_add(checks, "records", VERDICT_SKIPPED, NULL, "Only arkd can tell");
                return r < 0 ? r
                             : checks_add(checks, "unknown", VERDICT_SKIPPED, NULL, "Only arkd can tell");
        }
        r = check_records(ctl, checks);
        return r < 0 ? r : check_unknown(ctl, checks);
}
