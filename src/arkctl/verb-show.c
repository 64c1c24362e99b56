/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "arkctl/logs.h"
#include "arkctl/objects.h"
#include "arkctl/output.h"
#include "arkctl/pager.h"
#include "arkctl/resolve.h"
#include "arkctl/terminal.h"
#include "arkctl/text.h"
#include "arkctl/usage.h"
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
        else if (since != UINT64_MAX)
                details = str_printf(" since %s; %s", text_moment(since, moment),
                                text_relative(since, now_realtime(), relative));
        print_field("Status", "%s%s%s%s", terminal_color(status_color(v->status)), strempty(v->status),
                        terminal_color(COLOR_OFF), strempty(details));
}

/* "34.1M (limit: 512.0M)" */
static void print_limited(const char *label, const char *value, const char *limit)
{
        print_field(label, "%s%s%s%s", value, limit ? " (limit: " : "", strempty(limit), limit ? ")" : "");
}

static void print_use(const ContainerUse *use)
{
        char value[TEXT_SHORT_MAX], limit[TEXT_SHORT_MAX];
        bool limited = use->pids_limit != UINT64_MAX;

        (void) snprintf(value, sizeof value, "%llu", (unsigned long long) use->pids);
        (void) snprintf(limit, sizeof limit, "%llu", (unsigned long long) use->pids_limit);
        if (use->pids != UINT64_MAX)
                print_limited("Tasks", value, limited ? limit : NULL);
        limited = use->memory_limit != UINT64_MAX;
        if (use->memory != UINT64_MAX)
                print_limited("Memory", text_bytes(use->memory, value),
                                limited ? text_bytes(use->memory_limit, limit) : NULL);
        if (use->cpu_nsec != UINT64_MAX)
                print_field("CPU", "%s", text_cpu(use->cpu_nsec, value));
}

/* With what it uses below it, where the engine tells. expected: it should be there, whether or not that is told. */
static void print_container(const char *label, const char *container, bool expected, const Usage *usage)
{
        const ContainerUse *use = usage_of(usage, container);

        if (use || expected)
                print_field(label, "%s", container);
        if (use)
                print_use(use);
}

/* "client_x_data  12.0M at /data" */
static void print_part(const DiskItem *item, int columns)
{
        const char *where = streq(item->kind, "layer") ? " outside of volumes" : item->path ? " at " : "";
        bool known = item->bytes != UINT64_MAX;
        char bytes[TEXT_SHORT_MAX];

        (void) printf("%*s  %-*s  %s%s%s\n", LABEL_COLUMNS, "", columns, item->name,
                        known ? text_bytes(item->bytes, bytes) : "not measured yet", known ? where : "",
                        known ? strempty(item->path) : "");
}

/* What it takes up on disk, as of when that was measured. */
static void print_storage(Ctl *ctl, const char *id)
{
        _cleanup_(disk_use_done) DiskUse storage = { 0 };
        char bytes[TEXT_SHORT_MAX], age[TEXT_SHORT_MAX];
        uint64_t measured = 0, sum;
        int columns = 0;
        bool known;

        if (disk_use_read_measured(ctl, &measured) < 0 || disk_use_read(ctl, id, &storage) < 0 ||
                        storage.n == 0)
                return;
        sum = disk_use_sum(&storage, &known);
        if (!known) {
                print_field("Disk", "not measured yet");
                return;
        }
        print_field("Disk", "%s; measured %s", text_bytes(sum, bytes),
                        text_relative(measured, now_realtime(), age));
        for (size_t i = 0; i < storage.n; i++)
                if ((int) strlen(storage.items[i].name) > columns)
                        columns = (int) strlen(storage.items[i].name);
        for (size_t i = 0; i < storage.n; i++)
                print_part(storage.items + i, columns);
}

static void print_product(const Objects *objects, const InstanceView *v)
{
        const ProductView *product = objects_product(objects, v->product_id);
        const char *name = product ? strempty(product->name) : strempty(v->product_id);
        const char *image = v->image ? v->image : product ? strempty(product->image) : "";

        _cleanup_free_ char *since = NULL;

        if (!product)
                since = strdup("it has been deleted since");
        else if (*image && !streq(image, strempty(product->image)))
                since = str_printf("new ones get %s", strempty(product->image));
        if (*image)
                print_field("Product", "%s (%s%s%s)", name, image, since ? "; " : "", strempty(since));
        else
                print_field("Product", "%s%s%s%s", name, since ? " (" : "", strempty(since),
                                since ? ")" : "");
}

static void print_troubles(const InstanceView *v)
{
        if (v->message && *v->message && !streq_ptr(v->status, "running"))
                print_field("Message", "%s", v->message);
        if (v->error && *v->error)
                print_field("Error", "%s%s%s", terminal_color(COLOR_RED), v->error,
                                terminal_color(COLOR_OFF));
        if (v->warning && *v->warning)
                print_field("Warning", "%s%s%s", terminal_color(COLOR_YELLOW), v->warning,
                                terminal_color(COLOR_OFF));
}

static void print_page(Ctl *ctl, const Objects *objects, const InstanceView *v)
{
        bool alive = streq_ptr(v->status, "running") || streq_ptr(v->status, "pending");
        _cleanup_(usage_done) Usage usage = { 0 };
        const ContainerUse *app;

        (void) usage_read(ctl, v->id, &usage);
        app = usage_of(&usage, v->id);
        (void) printf("%s%s%s %s - %s for %s\n", terminal_color(status_color(v->status)),
                        terminal_has_utf8() ? "●" : "*", terminal_color(COLOR_OFF), v->id,
                        strempty(v->product_id), strempty(v->client_name));
        print_product(objects, v);
        print_status(v, app ? app->started_usec : UINT64_MAX);
        print_troubles(v);
        if (v->access_url && *v->access_url)
                print_field("Link", "%s", v->access_url);
        print_container("Application", v->id, alive, &usage);
        if (v->db_name && *v->db_name)
                print_container("Database", v->db_name, alive, &usage);
        print_storage(ctl, v->id);
        print_moment("Created", v->created_usec);
        print_moment("Expires", v->expires_usec);
}

/* Of what failed its last words; else the journal where it is this host's, which has arkd's own lines too, or what the
 * daemon gives. */
static void print_logs(Ctl *ctl, const InstanceView *v, unsigned lines)
{
        bool failed = streq_ptr(v->status, "failed");
        int r = -EOPNOTSUPP, last = 0;

        if (lines == 0)
                return;
        (void) putchar('\n');
        if (failed)
                last = logs_print_last(ctl, v->id, lines);
        if (last > 0)
                return;
        if (ctl_is_local(ctl))
                r = journal_print(v->id, lines);
        if (r <= 0 && !failed)
                last = logs_print_last(ctl, v->id, lines);
        if (r == 0 && last == -EACCES)
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

/* What it takes up on disk; null where arkd does not tell. */
static int add_storage(Ctl *ctl, const char *id, struct json_object *json)
{
        _cleanup_(disk_use_done) DiskUse storage = { 0 };
        uint64_t measured = 0;

        if (disk_use_read_measured(ctl, &measured) < 0 || disk_use_read(ctl, id, &storage) < 0)
                return json_set_string(json, "storage", NULL);
        return json_set(json, "storage", disk_use_to_json(&storage, measured));
}

/* As the HTTP API has it, and what it uses: a list by container, null where the engine does not tell. */
static struct json_object *show_json(Ctl *ctl, const InstanceView *view)
{
        _cleanup_json_ struct json_object *json = instance_view_to_json(view);
        _cleanup_(usage_done) Usage usage = { 0 };
        int r;

        if (!json)
                return NULL;
        r = usage_read(ctl, view->id, &usage);
        r = r < 0 ? json_set_string(json, "usage", NULL) : json_set(json, "usage", usage_to_json(&usage));
        if (r >= 0)
                r = add_storage(ctl, view->id, json);
        return r < 0 ? NULL : TAKE_PTR(json);
}

static ExitCode show_one(
                Ctl *ctl, const Objects *objects, const char *word, unsigned lines, struct json_object *list)
{
        _cleanup_free_ char *id = NULL;
        const InstanceView *view;
        ExitCode e;

        e = resolve_instance(ctl, word, &id);
        if (e != CTL_OK)
                return e;
        view = find(objects, id);
        if (!view)
                return show_absent(ctl, id);
        if (!list) {
                print_page(ctl, objects, view);
                print_logs(ctl, view, lines);
                return CTL_OK;
        }
        if (json_append(list, show_json(ctl, view)) < 0)
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
