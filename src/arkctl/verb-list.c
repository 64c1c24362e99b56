/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "arkctl/objects.h"
#include "arkctl/output.h"
#include "arkctl/pager.h"
#include "arkctl/text.h"
#include "arkctl/verbs.h"
#include "basic/json-util.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

static bool is_wanted(const Ctl *ctl, const InstanceView *view)
{
        return (!ctl->status || streq_ptr(ctl->status, view->status)) &&
               (!ctl->product || streq_ptr(ctl->product, view->product_id));
}

/* Deleted ones have no object any more: all that there is of them is in this list. */
static int read_deleted(sd_bus_message *m, Objects *objects)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssssto)");
        while (r >= 0) {
                const char *id, *product, *client, *status, *path;
                InstanceView *more, *view;
                uint64_t created;

                r = sd_bus_message_read(m, "(ssssto)", &id, &product, &client, &status, &created, &path);
                if (r <= 0)
                        return r;
                more = reallocarray(objects->instances, objects->n_instances + 1, sizeof *more);
                if (!more)
                        return -ENOMEM;
                objects->instances = more;
                view = more + objects->n_instances++;
                *view = (InstanceView){ .created_usec = created, .expires_usec = UINT64_MAX };
                r = free_and_strdup(&view->id, id);
                if (r >= 0)
                        r = free_and_strdup(&view->product_id, product);
                if (r >= 0)
                        r = free_and_strdup(&view->client_name, client);
                if (r >= 0)
                        r = free_and_strdup(&view->status, status);
        }
        return r;
}

static ExitCode list_deleted(Ctl *ctl, Objects *objects)
{
        const char *act = "list deleted instances";
        _cleanup_message_ sd_bus_message *reply = NULL;
        ExitCode e;
        int r;

        e = ctl_call_manager(ctl, act, "ListInstances", &reply, "a{sv}", 1, "status", "s", "deleted");
        if (e != CTL_OK)
                return e;
        r = read_deleted(reply, objects);
        return r < 0 ? ctl_report(ctl, act, r, NULL) : CTL_OK;
}

static ExitCode list_json(const Ctl *ctl, const Objects *objects)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; list && i < objects->n_instances; i++) {
                if (!is_wanted(ctl, objects->instances + i))
                        continue;
                if (json_append(list, instance_view_to_json(objects->instances + i)) < 0)
                        return ctl_failed(ENOMEM, "The list could not be printed");
        }
        return json_print(ctl, list);
}

static int list_row(struct libscols_table *table, const InstanceView *v)
{
        bool deleted = streq_ptr(v->status, "deleted"), pending = streq_ptr(v->status, "pending");
        struct libscols_line *line = table_add(table);
        _cleanup_free_ char *status = NULL;
        char text[TEXT_SHORT_MAX];
        int r;

        status = pending ? str_printf("%s (%s)", v->status, strempty(v->phase))
                         : strdup(strempty(v->status));
        r = status ? table_set(line, 0, v->id, NULL) : -ENOMEM;
        if (r == 0)
                r = table_set(line, 1, v->product_id, NULL);
        if (r == 0)
                r = table_set(line, 2, v->client_name, NULL);
        if (r == 0)
                r = table_set(line, 3, status, status_color_name(v->status));
        if (r == 0)
                r = table_set(line, 4, text_relative(v->created_usec, now_realtime(), text), NULL);
        if (r == 0)
                r = table_set(line, 5, deleted ? "-" : text_date(v->expires_usec, text), NULL);
        return r;
}

static ExitCode list_table(Ctl *ctl, const Objects *objects)
{
        static const Column columns[] = {
                { "ID" },
                { "PRODUCT", .shrink = true },
                { "CLIENT", .shrink = true },
                { "STATUS" },
                { "CREATED" },
                { "EXPIRES" },
        };
        _cleanup_table_ struct libscols_table *table = NULL;
        size_t n = 0;

        pager_open(ctl);
        table = table_new(ctl, columns, ELEMENTSOF(columns));
        for (size_t i = 0; i < objects->n_instances; i++)
                if (is_wanted(ctl, objects->instances + i)) {
                        if (!table || list_row(table, objects->instances + i) < 0)
                                return ctl_failed(ENOMEM, "The list could not be printed");
                        n++;
                }
        if (!table)
                return ctl_failed(ENOMEM, "The list could not be printed");
        if (n == 0 && (ctl->status || ctl->product))
                return table_print(ctl, table, "No instance fits. \"arkctl list\" shows all there are.");
        if (n == 0)
                return table_print(
                                ctl, table, "No instances. Make one with \"arkctl deploy PRODUCT CLIENT\".");
        return table_print(ctl, table, "%zu instance%s.", n, n == 1 ? "" : "s");
}

ExitCode verb_list(Ctl *ctl, char **arguments)
{
        _cleanup_(objects_done) Objects objects = { 0 };
        ExitCode e;

        e = objects_read(ctl, &objects);
        if (e == CTL_OK && (ctl->all || streq_ptr(ctl->status, "deleted")))
                e = list_deleted(ctl, &objects);
        if (e != CTL_OK)
                return e;
        return ctl->json == JSON_OFF ? list_table(ctl, &objects) : list_json(ctl, &objects);
}
