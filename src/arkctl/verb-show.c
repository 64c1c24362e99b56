/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "arkctl/logs.h"
#include "arkctl/objects.h"
#include "arkctl/output.h"
#include "arkctl/pager.h"
#include "arkctl/resolve.h"
#include "arkctl/systemd.h"
#include "arkctl/terminal.h"
#include "arkctl/text.h"
#include "arkctl/verbs.h"
#include "basic/json-util.h"
#include "basic/parse.h"
#include "basic/string-util.h"
#include "basic/time-util.h"

#define LABEL_COLUMNS 11
#define LOG_LINES     10

/* "     Label: text" */
static void _printf_(2, 3) print_field(const char *label, const char *format, ...)
{
        va_list ap;

        (void) printf("%*s: ", LABEL_COLUMNS, label);
        va_start(ap, format);
        (void) vprintf(format, ap);
        va_end(ap);
        (void) putchar('\n');
}

static void print_moment(const char *label, uint64_t usec)
{
        char moment[TEXT_SHORT_MAX], relative[TEXT_SHORT_MAX];

        if (usec == UINT64_MAX)
                print_field(label, "never");
        else
                print_field(label, "%s; %s", text_moment(usec, moment),
                                text_relative(usec, now_realtime(), relative));
}

static void print_status(const InstanceView *v, uint64_t since)
{
        char moment[TEXT_SHORT_MAX], relative[TEXT_SHORT_MAX];
        _cleanup_free_ char *details = NULL;

        if (streq_ptr(v->status, "pending"))
                details = str_printf(" (%s, %.0f%%)", strempty(v->phase), v->progress * 100);
        else if (since > 0)
                details = str_printf(" since %s; %s", text_moment(since, moment),
                                text_relative(since, now_realtime(), relative));
        print_field("Status", "%s%s%s%s", terminal_color(status_color(v->status)), strempty(v->status),
                        terminal_color(COLOR_OFF), strempty(details));
}

/* What systemd accounts for in the instance's slice, where the engine puts containers into slices at all. */
static void print_usage(Ctl *ctl, const UnitState *slice)
{
        uint64_t value;
        char text[TEXT_SHORT_MAX];

        if (unit_read_u64(ctl, slice, "Slice", "MemoryCurrent", &value) >= 0)
                print_field("Memory", "%s", text_bytes(value, text));
        if (unit_read_u64(ctl, slice, "Slice", "CPUUsageNSec", &value) >= 0)
                print_field("CPU", "%.1fs", (double) value / 1e9);
        if (unit_read_u64(ctl, slice, "Slice", "TasksCurrent", &value) >= 0)
                print_field("Tasks", "%llu", (unsigned long long) value);
}

static int read_slice(Ctl *ctl, const char *id, UnitState *ret)
{
        _cleanup_free_ char *name = str_printf("ark-%s.slice", id);
        int r = name ? unit_read(ctl, name, ret) : -ENOMEM;

        return r < 0 || unit_is_active(ret) ? r : -ENOENT;
}

static void print_product(const Objects *objects, const InstanceView *v)
{
        const ProductView *product = objects_product(objects, v->product_id);

        if (product)
                print_field("Product", "%s (%s)", strempty(product->name), strempty(product->image));
        else
                print_field("Product", "%s (it has been deleted since)", strempty(v->product_id));
}

static void print_troubles(const InstanceView *v)
{
        if (v->message && *v->message && !streq_ptr(v->status, "running"))
                print_field("Message", "%s", v->message);
        if (v->error && *v->error)
                print_field("Error", "%s%s%s", terminal_color(COLOR_RED), v->error,
                                terminal_color(COLOR_OFF));
}

static void print_page(Ctl *ctl, const Objects *objects, const InstanceView *v)
{
        bool alive = streq_ptr(v->status, "running") || streq_ptr(v->status, "pending");
        bool has_slice, has_database = v->db_name && *v->db_name;
        uint64_t since = 0;
        UnitState slice;

        has_slice = alive && read_slice(ctl, v->id, &slice) >= 0;
        if (has_slice)
                (void) unit_read_u64(ctl, &slice, "Unit", "ActiveEnterTimestamp", &since);
        (void) printf("%s%s%s %s - %s for %s\n", terminal_color(status_color(v->status)),
                        terminal_has_utf8() ? "●" : "*", terminal_color(COLOR_OFF), v->id,
                        strempty(v->product_id), strempty(v->client_name));
        print_product(objects, v);
        print_status(v, since);
        print_troubles(v);
        if (v->access_url && *v->access_url)
                print_field("Link", "%s", v->access_url);
        if (alive)
                print_field("Containers", "%s%s%s", v->id, has_database ? ", " : "",
                                has_database ? v->db_name : "");
        if (has_slice)
                print_usage(ctl, &slice);
        print_moment("Created", v->created_usec);
        print_moment("Expires", v->expires_usec);
}

/* The journal where it is this host's, which has arkd's own lines too; else what the daemon gives. */
static void print_logs(Ctl *ctl, const char *id, unsigned lines)
{
        int r = -EOPNOTSUPP;

        if (lines == 0)
                return;
        (void) putchar('\n');
        if (!ctl->host && !ctl->machine)
                r = journal_print(id, lines);
        if (r <= 0 && logs_print_last(ctl, id, lines) == -EACCES && r >= 0)
                ctl_note(ctl, "Its log lines are for root and those who may read the journal.");
}

static const InstanceView *find(const Objects *objects, const char *id)
{
        for (size_t i = 0; i < objects->n_instances; i++)
                if (streq_ptr(objects->instances[i].id, id))
                        return objects->instances + i;
        return NULL;
}

/* An instance that has no object: deleted, or there never was one. The daemon knows which. */
static ExitCode show_absent(Ctl *ctl, const char *id)
{
        _cleanup_(instance_view_done) InstanceView view = { 0 };
        _cleanup_free_ char *act = str_printf("show %s", id);
        ExitCode e;

        e = act ? instance_view_read(ctl, act, id, &view) : ctl_failed(ENOMEM, "Cannot show the instance");
        if (e == CTL_NOT_FOUND)
                resolve_suggest_instance(ctl, id);
        return e;
}

static ExitCode show_one(
                Ctl *ctl, const Objects *objects, const char *word, unsigned lines, struct json_object *list)
{
        _cleanup_free_ char *id = NULL;
        const InstanceView *view;
        struct json_object *json;
        ExitCode e;

        e = resolve_instance(ctl, word, &id);
        if (e != CTL_OK)
                return e;
        view = find(objects, id);
        if (!view)
                return show_absent(ctl, id);
        if (!list) {
                print_page(ctl, objects, view);
                print_logs(ctl, id, lines);
                return CTL_OK;
        }
        json = instance_view_to_json(view);
        if (!json || json_object_array_add(list, json) < 0)
                return ctl_failed(ENOMEM, "The instance could not be printed");
        return CTL_OK;
}

/* One instance is printed as an object, several as a list. */
static ExitCode print_list(const Ctl *ctl, struct json_object *list, bool single)
{
        if (!single)
                return json_print(ctl, json_object_get(list));
        if (json_object_array_length(list) == 0)
                return CTL_OK;
        return json_print(ctl, json_object_get(json_object_array_get_idx(list, 0)));
}

ExitCode verb_show(Ctl *ctl, char **arguments)
{
        _cleanup_json_ struct json_object *list = NULL;
        _cleanup_(objects_done) Objects objects = { 0 };
        unsigned lines = LOG_LINES;
        ExitCode e, result = CTL_OK;

        if (ctl->lines)
                (void) parse_unsigned(ctl->lines, &lines);
        e = objects_read(ctl, &objects);
        if (e != CTL_OK)
                return e;
        if (ctl->json != JSON_OFF)
                list = json_object_new_array();
        else
                pager_open(ctl);
        for (char **word = arguments; *word; word++) {
                if (!list && word > arguments)
                        (void) putchar('\n');
                e = show_one(ctl, &objects, *word, lines, list);
                result = e != CTL_OK ? e : result;
        }
        if (list)
                e = print_list(ctl, list, !arguments[1]);
        return result != CTL_OK ? result : e;
}
