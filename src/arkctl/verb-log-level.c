/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "arkctl/client.h"
#include "arkctl/output.h"
#include "arkctl/verbs.h"
#include "basic/json-util.h"
#include "basic/log.h"

#define LOG_PATH      "/org/freedesktop/LogControl1"
#define LOG_INTERFACE "org.freedesktop.LogControl1"

static ExitCode show_level(Ctl *ctl)
{
        const char *act = "show the log level", *level;
        _cleanup_message_ sd_bus_message *reply = NULL;
        struct json_object *json;
        ExitCode e;
        int r;

        e = ctl_call(ctl, act, LOG_PATH, PROPERTIES_INTERFACE, "Get", &reply, "ss", LOG_INTERFACE,
                        "LogLevel");
        if (e != CTL_OK)
                return e;
        r = sd_bus_message_read(reply, "v", "s", &level);
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        if (ctl->json == JSON_OFF) {
                (void) puts(level);
                return CTL_OK;
        }
        json = json_object_new_object();
        if (!json || json_set_string(json, "log_level", level) < 0)
                return ctl_failed(ENOMEM, "The log level cannot be printed");
        return json_print(ctl, json);
}

ExitCode verb_log_level(Ctl *ctl, char **arguments)
{
        const char *level = arguments[0];
        ExitCode e;

        if (!level)
                return show_level(ctl);
        if (log_level_from_string(level) < 0) {
                ctl_error("There is no log level \"%s\". It is one of emerg, alert, crit, err, warning, "
                          "notice, info and debug.",
                                level);
                return CTL_USAGE;
        }
        /* By its name, also where it was given as a number. */
        level = log_level_to_string(log_level_from_string(level));
        e = ctl_call(ctl, "set the log level", LOG_PATH, PROPERTIES_INTERFACE, "Set", NULL, "ssv",
                        LOG_INTERFACE, "LogLevel", "s", level);
        if (e == CTL_OK)
                ctl_note(ctl, "arkd logs %s and above until it is restarted.", level);
        return e;
}
