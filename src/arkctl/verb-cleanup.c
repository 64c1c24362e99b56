/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "arkctl/ask.h"
#include "arkctl/client.h"
#include "arkctl/output.h"
#include "arkctl/terminal.h"
#include "arkctl/text.h"
#include "arkctl/verbs.h"
#include "basic/json-util.h"
#include "basic/string-util.h"

/* What the daemon answered. */
typedef struct Outcome {
        char **removed;
        StringPairs failed; /* id and reason */
} Outcome;

static void outcome_done(Outcome *o)
{
        o->removed = strv_free(o->removed);
        string_pairs_done(&o->failed);
}

static int outcome_read(sd_bus_message *m, Outcome *o)
{
        const char *id, *reason;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &id)) > 0)
                r = strv_extend(&o->removed, id);
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(ss)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ss)", &id, &reason)) > 0)
                r = string_pairs_add(&o->failed, id, reason);
        return r < 0 ? r : 0;
}

static ExitCode call(Ctl *ctl, uint64_t age_usec, bool dry_run, Outcome *ret)
{
        const char *act = dry_run ? "look for what could be cleaned up" : "clean up";
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_(outcome_done) Outcome outcome = { 0 };
        ExitCode e;
        int r;

        e = ctl_call_manager(ctl, act, "Cleanup", &reply, "tb", age_usec, dry_run);
        if (e != CTL_OK)
                return e;
        r = outcome_read(reply, &outcome);
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        *ret = outcome;
        outcome = (Outcome){ 0 };
        return CTL_OK;
}

static ExitCode print_json(const Ctl *ctl, const Outcome *o)
{
        struct json_object *json = json_object_new_object(), *removed = json_object_new_array();
        struct json_object *failed = json_object_new_array();
        int r = json_set(json, "removed", removed);

        if (r >= 0)
                r = json_set(json, "failed", failed);
        if (r >= 0)
                r = json_set_bool(json, "dry_run", ctl->dry_run);
        for (char **id = o->removed; r >= 0 && id && *id; id++)
                r = json_append(removed, json_object_new_string(*id));
        for (size_t i = 0; r >= 0 && i < o->failed.n; i++) {
                struct json_object *one = json_object_new_object();

                r = json_append(failed, one);
                if (r >= 0)
                        r = json_set_string(one, "id", o->failed.items[i].key);
                if (r >= 0)
                        r = json_set_string(one, "reason", o->failed.items[i].value);
        }
        return r < 0 ? ctl_failed(ENOMEM, "The outcome could not be printed") : json_print(ctl, json);
}

static void print_ids(const Outcome *o)
{
        for (char **id = o->removed; id && *id; id++)
                (void) puts(*id);
}

static ExitCode print_outcome(const Ctl *ctl, const Outcome *o)
{
        size_t n = strv_length(o->removed);
        const char *s = n == 1 ? "" : "s";

        if (ctl->json != JSON_OFF) {
                ExitCode e = print_json(ctl, o);

                if (e != CTL_OK)
                        return e;
        } else {
                print_ids(o);
                if (n == 0 && o->failed.n == 0)
                        ctl_note(ctl, "There is nothing to clean up.");
                else if (ctl->dry_run)
                        ctl_note(ctl, "%zu instance%s would be deleted.", n, s);
                else
                        ctl_note(ctl, "%zu instance%s deleted.", n, s);
        }
        for (size_t i = 0; i < o->failed.n; i++)
                ctl_error("%s could not be deleted: %s", o->failed.items[i].key, o->failed.items[i].value);
        if (o->failed.n == 0)
                return CTL_OK;
        ctl_error("%zu instance%s could not be deleted; they are tried again by the next cleanup.",
                        o->failed.n, o->failed.n == 1 ? "" : "s");
        return CTL_FAILED;
}

/* An age given by hand goes past what each instance was promised: on a terminal it is asked about first. */
static ExitCode ask_about(Ctl *ctl, uint64_t age_usec)
{
        _cleanup_(outcome_done) Outcome outcome = { 0 };
        size_t n;
        ExitCode e;

        if (!ctl->older_than || ctl->dry_run || ctl->yes || !terminal_can_ask())
                return CTL_OK;
        e = call(ctl, age_usec, true, &outcome);
        n = strv_length(outcome.removed);
        if (e != CTL_OK || n == 0)
                return e;
        print_ids(&outcome);
        return ask(ctl, "Delete %s with all their data?", n == 1 ? "this instance" : "these instances");
}

ExitCode verb_cleanup(Ctl *ctl, char **arguments)
{
        _cleanup_(outcome_done) Outcome outcome = { 0 };
        uint64_t age_usec = UINT64_MAX;
        ExitCode e;

        if (ctl->older_than && (text_parse_age(ctl->older_than, &age_usec) < 0 || age_usec == UINT64_MAX)) {
                ctl_error("--older-than=%s is not an age. Give a number with its unit, such as 30d or 12h; "
                          "0 is every age.",
                                ctl->older_than);
                return CTL_USAGE;
        }
        e = ask_about(ctl, age_usec);
        if (e == CTL_OK)
                e = call(ctl, age_usec, ctl->dry_run, &outcome);
        return e == CTL_OK ? print_outcome(ctl, &outcome) : e;
}
