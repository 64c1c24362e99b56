/* SPDX-License-Identifier: MIT */
#include "arkctl/unknown.h"

#include <errno.h>

#include "basic/string-util.h"

void unknown_list_done(UnknownList *list)
{
        for (size_t i = 0; i < list->n; i++) {
                free(list->items[i].id);
                free(list->items[i].client_name);
                free(list->items[i].problem);
        }
        free(list->items);
        *list = (UnknownList){ 0 };
}

static int unknown_list_add(UnknownList *list, const char *id, const char *client_name, const char *problem)
{
        UnknownView *items = reallocarray(list->items, list->n + 1, sizeof *items);
        UnknownView *one;

        if (!items)
                return -ENOMEM;
        list->items = items;
        one = items + list->n++;
        *one = (UnknownView){ strdup(id), strdup(client_name), strdup(problem) };
        return one->id && one->client_name && one->problem ? 0 : -ENOMEM;
}

int unknown_list_read(Ctl *ctl, UnknownList *ret, sd_bus_error *error)
{
        _cleanup_(unknown_list_done) UnknownList list = { 0 };
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *id, *client_name, *problem;
        int r;

        r = ctl_try(ctl, ARK_BUS_PATH, PROPERTIES_INTERFACE, "Get", error, &reply, "ss",
                        ARK_MANAGER_INTERFACE, "UnknownInstances");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'v', "a(sss)");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "(sss)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(sss)", &id, &client_name, &problem)) > 0)
                r = unknown_list_add(&list, id, client_name, problem);
        if (r < 0)
                return r;
        *ret = list;
        list = (UnknownList){ 0 };
        return 0;
}

char *unknown_name(const UnknownView *one)
{
        return *one->client_name ? str_printf("%s (%s)", one->id, one->client_name) : strdup(one->id);
}
