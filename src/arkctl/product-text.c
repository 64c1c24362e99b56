/* SPDX-License-Identifier: MIT */
#include "arkctl/product-text.h"

#include <errno.h>

#include "arkctl/client.h"
#include "arkctl/objects.h"
#include "arkctl/resolve.h"
#include "basic/json-util.h"
#include "basic/string-util.h"

/* The string that a reply holds, as it is or as a variant. */
static ExitCode take_text(Ctl *ctl, const char *act, sd_bus_message *reply, bool variant, char **ret)
{
        _cleanup_free_ char *copy = NULL;
        const char *text;
        int r;

        r = variant ? sd_bus_message_read(reply, "v", "s", &text) : sd_bus_message_read(reply, "s", &text);
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        copy = strdup(text);
        if (!copy)
                return ctl_report(ctl, act, -ENOMEM, NULL);
        *ret = TAKE_PTR(copy);
        return CTL_OK;
}

static ExitCode product_get_public(Ctl *ctl, const char *act, const char *id, char **ret_json)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = product_path(id, &path);
        if (r < 0)
                return ctl_report(ctl, act, r, NULL);
        r = ctl_try(ctl, path, PROPERTIES_INTERFACE, "Get", &error, &reply, "ss", ARK_PRODUCT_INTERFACE,
                        "Json");
        if (r >= 0)
                return take_text(ctl, act, reply, true, ret_json);
        if (!sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT))
                return ctl_report(ctl, act, r, &error);
        ctl_error("There is no product \"%s\". \"arkctl product list\" shows those there are.", id);
        resolve_suggest_product(ctl, id);
        return CTL_NOT_FOUND;
}

ExitCode product_get(Ctl *ctl, const char *act, const char *id, char **ret_json)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        ExitCode e;

        e = ctl_call_manager(ctl, act, "GetProduct", &reply, "s", id);
        if (e == CTL_NOT_FOUND)
                resolve_suggest_product(ctl, id);
        return e == CTL_OK ? take_text(ctl, act, reply, false, ret_json) : e;
}

ExitCode product_get_visible(Ctl *ctl, const char *act, const char *id, char **ret_json)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_message_ sd_bus_message *reply = NULL;
        ExitCode e;
        int r;

        r = ctl_try(ctl, ARK_BUS_PATH, ARK_MANAGER_INTERFACE, "GetProduct", &error, &reply, "s", id);
        if (r >= 0)
                return take_text(ctl, act, reply, false, ret_json);
        if (bus_exit_code(error.name, r) == CTL_DENIED || bus_is_unknown(&error)) {
                ctl_note(ctl, "Without \"env\" and \"credentials\", which may hold secrets:");
                return product_get_public(ctl, act, id, ret_json);
        }
        e = ctl_report(ctl, act, r, &error);
        if (e == CTL_NOT_FOUND)
                resolve_suggest_product(ctl, id);
        return e;
}

ExitCode product_set(Ctl *ctl, const char *where, const char *json, char **ret_id)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_json_ struct json_object *parsed = NULL;
        _cleanup_free_ char *act = NULL, *reason = NULL;
        const char *id = NULL;
        ExitCode e;
        int r;

        r = json_parse_written(json, strlen(json), &parsed, &reason);
        if (r < 0) {
                ctl_error("%s is not JSON: %s. See arkd-product(5).", where,
                                reason ? reason : strerror(abs(r)));
                return CTL_USAGE;
        }
        (void) json_get_string(parsed, "id", &id);
        act = str_printf("set the product of %s", where);
        if (!act)
                return ctl_failed(ENOMEM, "Cannot set the product");
        e = ctl_call_manager(ctl, act, "SetProduct", &reply, "s", json);
        if (e != CTL_OK || !ret_id)
                return e;
        *ret_id = strdup(strempty(id));
        return *ret_id ? CTL_OK : ctl_failed(ENOMEM, "Cannot name the product");
}

char *product_pretty(const char *json)
{
        _cleanup_json_ struct json_object *parsed = NULL;
        const char *text;

        if (json_parse(json, strlen(json), &parsed, NULL) < 0)
                return NULL;
        text = json_object_to_json_string_ext(parsed,
                        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
        return text ? str_printf("%s\n", text) : NULL;
}
