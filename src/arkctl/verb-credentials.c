/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "arkctl/client.h"
#include "arkctl/output.h"
#include "arkctl/pager.h"
#include "arkctl/resolve.h"
#include "arkctl/verbs.h"
#include "basic/json-util.h"
#include "basic/string-util.h"

/* Calls a method of the Manager that takes an id. act: with %s for the id. */
static ExitCode call_with_id(Ctl *ctl, const char *what, const char *method, const char *word,
                char **ret_act, sd_bus_message **ret)
{
        _cleanup_free_ char *id = NULL, *act = NULL;
        ExitCode e;

        e = resolve_instance(ctl, word, &id);
        if (e != CTL_OK)
                return e;
        act = str_printf("show the %s of %s", what, id);
        if (!act)
                return ctl_failed(ENOMEM, "Cannot show it");
        e = ctl_call_manager(ctl, act, method, ret, "s", id);
        if (e == CTL_NOT_FOUND)
                resolve_suggest_instance(ctl, id);
        if (e == CTL_OK)
                *ret_act = TAKE_PTR(act);
        return e;
}

static int read_pairs(sd_bus_message *m, struct libscols_table *table, struct json_object *json)
{
        const char *key, *value;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{ss}");
        while (r >= 0) {
                struct libscols_line *line;

                r = sd_bus_message_read(m, "{ss}", &key, &value);
                if (r <= 0)
                        break;
                r = json_set_string(json, key, value);
                line = r < 0 ? NULL : table_add(table);
                if (table_set(line, 0, key, NULL) < 0 || table_set(line, 1, value, NULL) < 0)
                        r = -ENOMEM;
        }
        return r;
}

ExitCode verb_credentials(Ctl *ctl, char **arguments)
{
        static const Column columns[] = { { "NAME" }, { "VALUE" } };
        _cleanup_json_ struct json_object *json = json_object_new_object();
        _cleanup_table_ struct libscols_table *table = table_new(ctl, columns, ELEMENTSOF(columns));
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *act = NULL;
        ExitCode e;
        int r;

        e = call_with_id(ctl, "credentials", "GetCredentials", arguments[0], &act, &reply);
        if (e != CTL_OK)
                return e;
        r = json && table ? read_pairs(reply, table, json) : -ENOMEM;
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        if (ctl->json != JSON_OFF)
                return json_print(ctl, TAKE_PTR(json));
        return table_print(ctl, table, "The database is reached from within the instance's network only.");
}

ExitCode verb_compose(Ctl *ctl, char **arguments)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *act = NULL;
        const char *text;
        ExitCode e;
        int r;

        e = call_with_id(ctl, "Compose file", "GetCompose", arguments[0], &act, &reply);
        if (e != CTL_OK)
                return e;
        r = sd_bus_message_read(reply, "s", &text);
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        if (ctl->json != JSON_OFF) {
                struct json_object *json = json_object_new_object();

                if (!json || json_set_string(json, "compose", text) < 0)
                        return ctl_failed(ENOMEM, "The Compose file could not be printed");
                return json_print(ctl, json);
        }
        pager_open(ctl);
        (void) fputs(text, stdout);
        return CTL_OK;
}
