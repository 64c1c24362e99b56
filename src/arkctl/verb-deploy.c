/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "arkctl/objects.h"
#include "arkctl/output.h"
#include "arkctl/progress.h"
#include "arkctl/resolve.h"
#include "arkctl/verbs.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define TICK_USEC   (100 * USEC_PER_MSEC)
#define RETRY_USEC  (500 * USEC_PER_MSEC)
#define PATIENCE_US (60 * USEC_PER_SEC)

/* A deploy that is followed. */
typedef struct Deploy {
        Ctl *ctl;
        const char *product, *client;
        char *act; /* "deploy PRODUCT" */
        sd_event *event;
        char *id, *path; /* once the daemon has answered */
        InstanceView view;
        Progress progress;
        uint64_t lost_usec; /* since when the daemon does not answer; 0 while it does */
        uint64_t retry_usec; /* when to ask again; 0: not */
        bool over;
        ExitCode result;
} Deploy;

static void deploy_done(Deploy *d)
{
        free(d->act);
        free(d->id);
        free(d->path);
        instance_view_done(&d->view);
        progress_done(&d->progress);
        sd_event_unref(d->event);
}

static int deploy_end(Deploy *d, ExitCode result)
{
        progress_end(&d->progress, result == CTL_OK);
        d->result = result;
        d->over = true;
        return 0;
}

static int deploy_fail(Deploy *d, int r, const sd_bus_error *error)
{
        progress_clear(&d->progress);
        return deploy_end(d, ctl_report(d->ctl, d->act, r, error));
}

/* Once more after each change: is it over? */
static int deploy_look(Deploy *d)
{
        const InstanceView *v = &d->view;

        if (!v->status)
                return 0;
        if (streq(v->status, "pending")) {
                progress_update(&d->progress, strempty(v->phase), strempty(v->message), v->progress);
                return 0;
        }
        if (streq(v->status, "running"))
                return deploy_end(d, CTL_OK);
        progress_end(&d->progress, false);
        if (streq(v->status, "failed"))
                ctl_error("The deploy of %s failed: %s\n%s has left nothing behind. \"arkctl show %s\" and "
                          "\"journalctl ARK_INSTANCE=%s\" say more.",
                                d->product, v->error && *v->error ? v->error : strempty(v->message), d->id,
                                d->id, d->id);
        else
                ctl_error("%s was deleted while it was being deployed.", d->id);
        return deploy_end(d, CTL_FAILED);
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Deploy *d = userdata;
        int r;

        r = instance_view_update(&d->view, m);
        return r < 0 ? deploy_fail(d, r, NULL) : deploy_look(d);
}

/* A daemon that restarts, or waits for its store, does not answer for a while: that is no end yet. */
static int deploy_retry(Deploy *d, sd_bus_message *m)
{
        const sd_bus_error *error = sd_bus_message_get_error(m);
        uint64_t now = now_monotonic();
        int r = -sd_bus_message_get_errno(m);

        if (d->lost_usec == 0)
                d->lost_usec = now;
        if (bus_exit_code(error->name, r) != CTL_UNAVAILABLE || now - d->lost_usec > PATIENCE_US)
                return deploy_fail(d, r, error);
        d->retry_usec = now + RETRY_USEC;
        return 0;
}

static int on_all_properties(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Deploy *d = userdata;

        if (sd_bus_message_is_method_error(m, NULL))
                return deploy_retry(d, m);
        d->lost_usec = d->retry_usec = 0;
        return on_properties(m, d, ret_error);
}

static int on_found(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        Deploy *d = userdata;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return deploy_retry(d, m);
        r = sd_bus_message_new_method_call(
                        d->ctl->bus, &call, ARK_BUS_NAME, d->path, PROPERTIES_INTERFACE, "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(call, "s", ARK_INSTANCE_INTERFACE);
        if (r >= 0)
                r = sd_bus_call_async(d->ctl->bus, NULL, call, on_all_properties, d, UINT64_MAX);
        return r < 0 ? deploy_fail(d, r, NULL) : 0;
}

/* Everything anew: at first, and when the daemon has been away. By its id, which waits until a daemon that starts
 * has read its store: before, it has no objects. */
static int deploy_ask(Deploy *d)
{
        int r;

        d->retry_usec = 0;
        r = sd_bus_call_method_async(d->ctl->bus, NULL, ARK_BUS_NAME, ARK_BUS_PATH, ARK_MANAGER_INTERFACE,
                        "GetInstance", on_found, d, "s", d->id);
        return r < 0 ? deploy_fail(d, r, NULL) : 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Deploy *d = userdata;
        const char *interface;
        int r;

        /* What comes before the answer to the call is in the answer to deploy_ask(). */
        if (!d->path || !streq(sd_bus_message_get_path(m), d->path))
                return 0;
        r = sd_bus_message_read_basic(m, 's', &interface);
        if (r < 0 || !streq(interface, ARK_INSTANCE_INTERFACE))
                return 0;
        return on_properties(m, d, ret_error);
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        Deploy *d = userdata;

        /* Asking starts it again where nothing else does; its start goes on with the deploy. */
        return d->path && !d->over ? deploy_ask(d) : 0;
}

static int on_created(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        const char *id, *path;
        Deploy *d = userdata;
        int r;

        if (sd_bus_message_is_method_error(m, NULL))
                return deploy_fail(d, -sd_bus_message_get_errno(m), sd_bus_message_get_error(m));
        r = sd_bus_message_read(m, "so", &id, &path);
        if (r >= 0)
                r = free_and_strdup(&d->id, id);
        if (r >= 0)
                r = free_and_strdup(&d->path, path);
        if (r < 0)
                return deploy_fail(d, r, NULL);
        ctl_note(d->ctl, "Deploying %s for %s as %s", d->product, d->client, d->id);
        return deploy_ask(d);
}

static int on_interrupt(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Deploy *d = userdata;

        progress_clear(&d->progress);
        if (d->id)
                ctl_warning("The deploy goes on without arkctl. See how it fares with \"arkctl show %s\", "
                            "or take it back with \"arkctl delete %s\".",
                                d->id, d->id);
        else
                ctl_warning("arkd had not answered yet. See with \"arkctl list\" whether it is deployed.");
        d->result = CTL_INTERRUPTED;
        d->over = true;
        return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
        Deploy *d = userdata;
        int r;

        progress_tick(&d->progress);
        if (d->retry_usec != 0 && now_monotonic() >= d->retry_usec)
                (void) deploy_ask(d);
        r = sd_event_source_set_time_relative(source, TICK_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Subscribes; this comes before the call, so that nothing is missed. */
static int deploy_listen(Deploy *d)
{
        sd_bus *bus = d->ctl->bus;
        sigset_t interrupts;
        int r;

        r = sd_event_new(&d->event);
        if (r >= 0)
                r = sd_bus_attach_event(bus, d->event, 0);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, ARK_BUS_NAME, NULL, PROPERTIES_INTERFACE,
                                "PropertiesChanged", on_changed, d);
        if (r >= 0)
                r = sd_bus_add_match(bus, NULL,
                                "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                                "arg0='" ARK_BUS_NAME "'",
                                on_owner, d);
        (void) sigemptyset(&interrupts);
        (void) sigaddset(&interrupts, SIGINT);
        if (r >= 0 && sigprocmask(SIG_BLOCK, &interrupts, NULL) < 0)
                r = -errno;
        if (r >= 0)
                r = sd_event_add_signal(d->event, NULL, SIGINT, on_interrupt, d);
        if (r >= 0)
                r = sd_event_add_time_relative(
                                d->event, NULL, CLOCK_MONOTONIC, TICK_USEC, 10 * USEC_PER_MSEC, on_tick, d);
        return r;
}

static int deploy_call(Deploy *d)
{
        _cleanup_message_ sd_bus_message *call = NULL;
        const char *key = d->ctl->idempotency_key;
        int r;

        r = sd_bus_message_new_method_call(d->ctl->bus, &call, ARK_BUS_NAME, ARK_BUS_PATH,
                        ARK_MANAGER_INTERFACE, "CreateInstance");
        if (r >= 0)
                r = sd_bus_message_append(call, "ss", d->product, d->client);
        if (r >= 0)
                r = key ? sd_bus_message_append(call, "a{sv}", 1, "idempotency_key", "s", key)
                        : sd_bus_message_append(call, "a{sv}", 0);
        if (r >= 0)
                r = sd_bus_call_async(d->ctl->bus, NULL, call, on_created, d, UINT64_MAX);
        return r;
}

/* The outcome for scripts: the link alone, on standard output. */
static ExitCode deploy_print(Deploy *d)
{
        if (d->ctl->json != JSON_OFF)
                return json_print(d->ctl, instance_view_to_json(&d->view));
        (void) puts(strempty(d->view.access_url));
        return CTL_OK;
}

static ExitCode deploy_follow(Deploy *d)
{
        int r;

        progress_begin(&d->progress, d->ctl->quiet);
        r = deploy_listen(d);
        if (r >= 0)
                r = deploy_call(d);
        /* Not sd_event_loop(), at whose end the bus is closed. */
        while (r >= 0 && !d->over)
                r = sd_event_run(d->event, UINT64_MAX);
        (void) sd_bus_detach_event(d->ctl->bus);
        if (r < 0)
                return ctl_report(d->ctl, d->act, r, NULL);
        if (d->result == CTL_NOT_FOUND && !d->id)
                resolve_suggest_product(d->ctl, d->product);
        return d->result == CTL_OK ? deploy_print(d) : d->result;
}

/* Without following it. */
static ExitCode deploy_start(Deploy *d)
{
        const char *key = d->ctl->idempotency_key, *id;
        _cleanup_message_ sd_bus_message *reply = NULL;
        ExitCode e;
        int r;

        e = key ? ctl_call_manager(d->ctl, d->act, "CreateInstance", &reply, "ssa{sv}", d->product,
                                  d->client, 1, "idempotency_key", "s", key)
                : ctl_call_manager(d->ctl, d->act, "CreateInstance", &reply, "ssa{sv}", d->product,
                                  d->client, 0);
        if (e == CTL_NOT_FOUND)
                resolve_suggest_product(d->ctl, d->product);
        if (e != CTL_OK)
                return e;
        r = sd_bus_message_read(reply, "so", &id, NULL);
        if (r < 0)
                return ctl_report(d->ctl, d->act, r, NULL);
        e = instance_view_read(d->ctl, d->act, id, &d->view);
        if (e != CTL_OK)
                return e;
        ctl_note(d->ctl, "%s is being deployed. See how it fares with \"arkctl show %s\".", id, id);
        return deploy_print(d);
}

/* Who is at the keyboard, where no customer was named. */
static const char *default_client(void)
{
        const char *sudo = getenv("SUDO_USER");
        const struct passwd *user;

        if (sudo && *sudo)
                return sudo;
        user = getpwuid(getuid());
        return user ? user->pw_name : "arkctl";
}

ExitCode verb_deploy(Ctl *ctl, char **arguments)
{
        _cleanup_(deploy_done) Deploy d = {
                .ctl = ctl,
                .product = arguments[0],
                .client = arguments[1] ? arguments[1] : default_client(),
                .result = CTL_FAILED,
        };

        d.act = str_printf("deploy %s", d.product);
        if (!d.act)
                return ctl_failed(ENOMEM, "Cannot deploy");
        return ctl->no_block ? deploy_start(&d) : deploy_follow(&d);
}
