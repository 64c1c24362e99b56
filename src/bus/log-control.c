/* SPDX-License-Identifier: MIT */
#include "bus/log-control.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/log.h"
#include "basic/messages.h"
#include "bus/call.h"
#include "bus/encode.h"
#include "bus/method.h"
#include "bus/objects.h"
#include "bus/words.h"
#include "core/verbs/request.h"
#include "core/verbs/verb.h"

/* org.freedesktop.LogControl1(5), which "systemctl service-log-level" speaks. */

static int get_level(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", log_level_to_string(log_get_max_level()));
}

/* Setting a property is an answer at once, and who is asking is known later only: take_set() comes before this, and
 * what would get past it is refused. */
static int refuse_set(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *value, void *userdata, sd_bus_error *error)
{
        return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "%s cannot be set this way", property);
}

static int get_target(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", getenv("JOURNAL_STREAM") ? "journal" : "console");
}

static int get_identifier(sd_bus *bus, const char *path, const char *interface, const char *property,
                sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        return sd_bus_message_append(reply, "s", program_invocation_short_name);
}

static const sd_bus_vtable log_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY("LogLevel", "s", get_level, refuse_set, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("LogTarget", "s", get_target, 0, 0),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

static void run_set_level(Request *request)
{
        const char *text = "";
        int level;

        (void) json_get_string(request->arguments, "level", &text);
        level = log_level_from_string(text);
        if (level < 0) {
                request_fail(request, FAULT_INVALID_ARGUMENT, "level",
                                "LogLevel must be one of emerg, alert, crit, err, warning, notice, info, "
                                "debug");
                return;
        }
        /* Told where either level lets it through, or the trail would end with it. */
        if (level > log_get_max_level())
                log_set_max_level(level);
        log_full(LOG_NOTICE, 0,
                        LOG_ABOUT(.caller = request->caller.identity, .origin = request->caller.origin,
                                        .action = request->action->name,
                                        .message_id = MESSAGE_LOG_LEVEL_SET),
                        "%s set the log level to %s", request->caller.identity, log_level_to_string(level));
        log_set_max_level(level);
        request_succeed(request, NULL);
}

/* Of the bus alone, so not in the table of all verbs; the gate and the checks are the same. */
static const Argument set_level_arguments[] = {
        { .name = "level", .type = ARGUMENT_STRING, .required = true, .max_bytes = 16 },
        { NULL },
};
static const Action set_level_action = {
        .name = "SetLogLevel",
        .polkit_action = "network.ark.deploy1.set-log-level",
        .role = ROLE_OPERATOR,
        .arguments = set_level_arguments,
        .without_store = true,
        .run = run_set_level,
};
static const BusMethod set_level_method = {
        .interface = BUS_LOG_INTERFACE,
        .member = "SetLogLevel",
        .action = "SetLogLevel",
        .encode = bus_encode_nothing,
};

/* Takes the call that sets LogLevel and makes an action of it; leaves all else to the vtable. */
static int take_set(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        _cleanup_json_ struct json_object *arguments = NULL;
        const char *interface, *property, *level;
        BusApi *api = userdata;
        int r;

        if (!sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "Set") ||
                        !sd_bus_message_has_signature(message, "ssv"))
                return 0;
        r = sd_bus_message_read(message, "ss", &interface, &property);
        if (r < 0)
                return r;
        if (!streq(interface, BUS_LOG_INTERFACE) || !streq(property, "LogLevel")) {
                r = sd_bus_message_rewind(message, true);
                return r < 0 ? r : 0;
        }
        r = sd_bus_message_read(message, "v", "s", &level);
        if (r < 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "LogLevel must be a string");
        if (strlen(level) > argument_max_bytes(set_level_arguments))
                return sd_bus_error_setf(error, BUS_ERROR_INVALID_ARGUMENT, "level is longer than %zu bytes",
                                argument_max_bytes(set_level_arguments));
        arguments = json_object_new_object();
        if (!arguments || json_set_string(arguments, "level", level) < 0)
                return -ENOMEM;
        return bus_call_start(
                        api, message, &set_level_method, &set_level_action, TAKE_PTR(arguments), error);
}

int bus_log_control_register(BusApi *api)
{
        int r;

        r = bus_api_add_vtable(api, BUS_LOG_PATH, BUS_LOG_INTERFACE, log_vtable);
        return r < 0 ? r : sd_bus_add_object(api->bus, bus_api_next_slot(api), BUS_LOG_PATH, take_set, api);
}
