/* SPDX-License-Identifier: MIT */

/* What arkd itself says of how it is. */

#include <errno.h>

#include "arkctl/checks.h"
#include "arkctl/client.h"
#include "arkctl/systemd.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

/* So many names are told; the properties have all. */
#define NAMES_MAX 8

#define NEW_USEC   (5 * USEC_PER_SEC)
#define AGAIN_USEC (100 * USEC_PER_MSEC)

typedef struct Daemon {
        char *version, *base_url, *applications_url;
        char **ownerless; /* volumes; sorted */
        char **misplaced; /* instances */
        uint32_t instances;
        int engine, store;
        bool tells_ownerless; /* it is new enough to */
} Daemon;

static void daemon_done(Daemon *d)
{
        free(d->version);
        free(d->base_url);
        free(d->applications_url);
        strv_free(d->ownerless);
        strv_free(d->misplaced);
}

static int read_value(sd_bus_message *m, const char *type, void *target)
{
        const char *text;
        int r;

        r = sd_bus_message_enter_container(m, 'v', type);
        if (r < 0)
                return r;
        if (streq(type, "as"))
                r = sd_bus_message_read_strv(m, target);
        else
                r = sd_bus_message_read_basic(m, *type, streq(type, "s") ? (void *) &text : target);
        if (r >= 0 && streq(type, "s"))
                r = free_and_strdup(target, text);
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_property(sd_bus_message *m, Daemon *d)
{
        const struct {
                const char *name, *type;
                void *target;
        } known[] = {
                { "Version", "s", &d->version },
                { "InstanceCount", "u", &d->instances },
                { "EngineConnected", "b", &d->engine },
                { "StoreConnected", "b", &d->store },
                { "BaseURL", "s", &d->base_url },
                { "ApplicationsURL", "s", &d->applications_url },
                { "MisplacedInstances", "as", &d->misplaced },
                { "OwnerlessVolumes", "as", &d->ownerless },
        };
        const char *name;
        int r;

        r = sd_bus_message_read_basic(m, 's', &name);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(known[i].name, name)) {
                        d->tells_ownerless = d->tells_ownerless || streq(name, "OwnerlessVolumes");
                        return read_value(m, known[i].type, known[i].target);
                }
        return sd_bus_message_skip(m, "v"); /* a newer daemon has more of them */
}

static int daemon_read(Ctl *ctl, Daemon *ret, sd_bus_error *error)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(daemon_done) Daemon d = { 0 };
        int r;

        r = ctl_try(ctl, ARK_BUS_PATH, PROPERTIES_INTERFACE, "GetAll", error, &reply, "s",
                        ARK_MANAGER_INTERFACE);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = read_property(reply, &d);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        if (r < 0)
                return r;
        *ret = d;
        d = (Daemon){ 0 };
        return 0;
}

/* What the request itself may have started connects within moments. Where systemd cannot be asked it counts as old. */
static bool daemon_is_new(Ctl *ctl)
{
        UnitState unit = { 0 };
        uint64_t since;

        return unit_read(ctl, "arkd.service", &unit) >= 0 &&
               unit_read_u64(ctl, &unit, "Unit", "ActiveEnterTimestamp", &since) >= 0 &&
               usec_between(since, now_realtime()) < NEW_USEC;
}

/* One that has only just been started is connecting yet: that is no failure. */
static int daemon_read_settled(Ctl *ctl, Daemon *ret, sd_bus_error *error)
{
        const uint64_t end = now_monotonic() + NEW_USEC;
        int r;

        for (;;) {
                daemon_done(ret);
                *ret = (Daemon){ 0 };
                r = daemon_read(ctl, ret, error);
                if (r < 0 || (ret->engine && ret->store) || now_monotonic() >= end || !daemon_is_new(ctl))
                        return r;
                (void) usleep(AGAIN_USEC);
        }
}

/* What is connected to arkd, and the unit that it usually comes from. */
static int check_peer(Ctl *ctl, Checks *checks, const char *name, bool connected, const char *what,
                const char *unit_name)
{
        _cleanup_free_ char *remedy = NULL;
        UnitState unit = { 0 };
        bool there = unit_read(ctl, unit_name, &unit) >= 0 && unit_is_there(&unit);

        if (connected)
                return checks_add(checks, name, VERDICT_OK, NULL, "%s answers%s%s%s", what,
                                there ? " (" : "", there ? unit_name : "", there ? ")" : "");
        if (there && !unit_is_active(&unit))
                remedy = str_printf("systemctl start %s, and see \"systemctl status %s\".", unit_name,
                                unit_name);
        else
                remedy = str_printf(
                                "See \"journalctl -u arkd\", and arkd.conf(5) for where it is looked for.");
        if (!there)
                return checks_add(checks, name, VERDICT_FAILED, remedy, "%s does not answer", what);
        return checks_add(checks, name, VERDICT_FAILED, remedy, "%s does not answer; %s is %s", what,
                        unit_name, unit.active);
}

char *checks_join_names(char *const *names)
{
        size_t n = strv_length(names), told = n > NAMES_MAX ? NAMES_MAX : n;
        char *text = strdup("");

        for (size_t i = 0; text && i < told; i++) {
                char *longer = str_printf("%s%s%s", text, i > 0 ? ", " : "", names[i]);

                free(text);
                text = longer;
        }
        if (text && n > told) {
                char *longer = str_printf("%s and %zu more", text, n - told);

                free(text);
                text = longer;
        }
        return text;
}

static int check_volumes(Checks *checks, const Daemon *d)
{
        _cleanup_free_ char *names = NULL, *remedy = NULL;
        size_t n = strv_length(d->ownerless);

        if (!d->tells_ownerless)
                return checks_add(checks, "volumes", VERDICT_SKIPPED, NULL,
                                "The arkd that runs is too old to tell");
        if (n == 0)
                return d->engine ? checks_add(checks, "volumes", VERDICT_OK, NULL,
                                                   "Every volume belongs to an instance")
                                 : checks_add(checks, "volumes", VERDICT_SKIPPED, NULL,
                                                   "Only the engine can tell");
        names = checks_join_names(d->ownerless);
        remedy = str_printf("arkd leaves what may hold a customer's data. It comes to this when the store "
                            "(Redis) was emptied, or restored to a state before the instance was made. See "
                            "whose it was with \"docker volume inspect %s\"; restore the store, or when the "
                            "data is saved or not needed, \"docker volume rm %s\". arkd notices within half "
                            "a minute.",
                        d->ownerless[0], d->ownerless[0]);
        if (!names || !remedy)
                return -ENOMEM;
        return checks_add(checks, "volumes", VERDICT_WARNING, remedy, "%zu belong%s to no instance: %s", n,
                        n == 1 ? "s" : "", names);
}

static int check_absent(Checks *checks, int error, const sd_bus_error *why)
{
        static const char *const others[] = { "engine", "store", "volumes", "address", "applications" };
        int r;

        checks->daemon = bus_exit_code(why->name, error);
        r = checks_add(checks, "arkd", VERDICT_FAILED, bus_remedy(why->name, error), "%s",
                        why->message ? why->message : strerror(-error));
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(others); i++)
                r = checks_add(checks, others[i], VERDICT_SKIPPED, NULL, "Only arkd can tell");
        return r;
}

int check_daemon(Ctl *ctl, Checks *checks)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(daemon_done) Daemon d = { 0 };
        int r;

        r = daemon_read_settled(ctl, &d, &error);
        if (r < 0)
                return check_absent(checks, r, &error);
        r = checks_add(checks, "arkd", VERDICT_OK, NULL, "Version %s, %u instance%s", strempty(d.version),
                        d.instances, d.instances == 1 ? "" : "s");
        if (r >= 0)
                r = check_peer(ctl, checks, "engine", d.engine, "Docker", "docker.service");
        if (r >= 0)
                r = check_peer(ctl, checks, "store", d.store, "Redis", "arkd-redis.service");
        if (r >= 0)
                r = check_volumes(checks, &d);
        if (r >= 0)
                r = check_address(checks, d.base_url);
        return r < 0 ? r : check_applications(checks, d.base_url, d.applications_url, d.misplaced);
}
