/* SPDX-License-Identifier: MIT */

/* How the instances are: those that failed, and data that is gone. */

#include <errno.h>

#include "arkctl/checks.h"
#include "arkctl/objects.h"
#include "basic/string-util.h"

/* So many are told with their reasons; "arkctl list --status=failed" has all. */
#define FAILED_MAX 5

static int add_text(char **text, const char *more)
{
        char *longer = str_printf("%s%s", strempty(*text), more);

        if (!longer)
                return -ENOMEM;
        free(*text);
        *text = longer;
        return 0;
}

static int add_failed(char **text, const InstanceView *i)
{
        _cleanup_free_ char *one = str_printf("%s%s (%s)", *text ? "; " : "", i->id,
                        *strempty(i->error) ? i->error : "it does not say why");

        return one ? add_text(text, one) : -ENOMEM;
}

static int list_failed(const Objects *objects, char **ret, const char **ret_first, size_t *ret_n)
{
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        int r = 0;

        for (size_t k = 0; k < objects->n_instances && r >= 0; k++) {
                const InstanceView *i = objects->instances + k;

                if (!streq(strempty(i->status), "failed"))
                        continue;
                if (n == 0)
                        *ret_first = i->id;
                if (n++ < FAILED_MAX)
                        r = add_failed(&text, i);
        }
        if (r >= 0 && n > FAILED_MAX) {
                _cleanup_free_ char *more = str_printf("; and %zu more", n - FAILED_MAX);

                r = more ? add_text(&text, more) : -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        *ret_n = n;
        return 0;
}

/* Those that run, and of which their operator should know something. */
static int check_warned(Checks *checks, const Objects *objects)
{
        _cleanup_(strv_freep) char **ids = NULL;
        _cleanup_free_ char *names = NULL;
        const char *first = NULL;
        size_t n;

        for (size_t k = 0; k < objects->n_instances; k++) {
                const InstanceView *i = objects->instances + k;

                if (!*strempty(i->warning))
                        continue;
                first = first ? first : i->warning;
                if (strv_extend(&ids, i->id) < 0)
                        return -ENOMEM;
        }
        n = strv_length(ids);
        if (n == 0)
                return 0;
        names = checks_join_names(ids);
        return names ? checks_add(checks, "instances", VERDICT_WARNING, first,
                                       "%zu run%s with a warning: %s", n, n == 1 ? "s" : "", names)
                     : -ENOMEM;
}

static int check_failed(Checks *checks, const Objects *objects)
{
        _cleanup_free_ char *failed = NULL, *remedy = NULL;
        const char *first = NULL;
        size_t n = 0;
        int r;

        r = list_failed(objects, &failed, &first, &n);
        if (r < 0)
                return r;
        if (n == 0)
                return checks_add(checks, "instances", VERDICT_OK, NULL, "None of %zu has failed",
                                objects->n_instances);
        remedy = str_printf("See \"arkctl show %s\" for more. Restart what ran before (\"arkctl restart "
                            "%s\"), or delete it. \"arkctl list --status=failed\" lists all.",
                        first, first);
        return remedy ? checks_add(checks, "instances", VERDICT_WARNING, remedy, "%zu of %zu failed: %s", n,
                                        objects->n_instances, failed)
                      : -ENOMEM;
}

/* What the property says: 1, 0 where the arkd that runs does not have it, or negative. */
static int read_lost(Ctl *ctl, char ***ret)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        int r;

        r = ctl_try(ctl, ARK_BUS_PATH, PROPERTIES_INTERFACE, "Get", &error, &reply, "ss",
                        ARK_MANAGER_INTERFACE, "LostVolumes");
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        r = sd_bus_message_enter_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_read_strv(reply, ret);
        return r < 0 ? r : 1;
}

static int check_data(Ctl *ctl, Checks *checks)
{
        _cleanup_(strv_freep) char **lost = NULL;
        _cleanup_free_ char *names = NULL;
        size_t n;
        int r;

        r = read_lost(ctl, &lost);
        if (r < 0)
                return r;
        n = strv_length(lost);
        if (r == 0)
                return checks_add(checks, "data", VERDICT_SKIPPED, NULL,
                                "The arkd that runs is too old to tell");
        if (n == 0)
                return checks_add(checks, "data", VERDICT_OK, NULL, "No instance has lost a volume");
        names = checks_join_names(lost);
        return names ? checks_add(checks, "data", VERDICT_FAILED,
                                       "Somebody removed them, by hand or with a command that cleans up "
                                       "(docker volume prune). Restore them from a backup and restart their "
                                       "instances, or delete the instances.",
                                       "%zu volume%s of instances %s gone, and the data: %s", n,
                                       n == 1 ? "" : "s", n == 1 ? "is" : "are", names)
                     : -ENOMEM;
}

int check_instances(Ctl *ctl, Checks *checks)
{
        _cleanup_(objects_done) Objects objects = { 0 };
        int r;

        if (checks->daemon != CTL_OK) {
                r = checks_add(checks, "instances", VERDICT_SKIPPED, NULL, "Only arkd can tell");
                return r < 0 ? r : checks_add(checks, "data", VERDICT_SKIPPED, NULL, "Only arkd can tell");
        }
        if (objects_read(ctl, &objects) != CTL_OK)
                r = checks_add(checks, "instances", VERDICT_SKIPPED, NULL, "Only arkd can tell");
        else
                r = check_failed(checks, &objects);
        if (r >= 0)
                r = check_warned(checks, &objects);
        return r < 0 ? r : check_data(ctl, checks);
}
