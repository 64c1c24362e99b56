/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "arkctl/ask.h"
#include "arkctl/objects.h"
#include "arkctl/output.h"
#include "arkctl/pager.h"
#include "arkctl/product-text.h"
#include "arkctl/resolve.h"
#include "arkctl/verbs.h"
#include "basic/json-util.h"
#include "basic/string-util.h"

static size_t count_instances(const Objects *objects, const char *product_id)
{
        size_t n = 0;

        for (size_t i = 0; i < objects->n_instances; i++)
                n += streq_ptr(objects->instances[i].product_id, product_id) &&
                     instance_view_uses_product(objects->instances + i);
        return n;
}

static ExitCode list_json(const Ctl *ctl, const Objects *objects)
{
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; list && i < objects->n_products; i++) {
                const ProductView *v = objects->products + i;
                struct json_object *json = product_view_to_json(v);

                if (json_append(list, json) < 0 ||
                                json_set_u64(json, "instances", count_instances(objects, v->id)) < 0)
                        return ctl_failed(ENOMEM, "The list could not be printed");
        }
        return json_print(ctl, list);
}

static int list_row(struct libscols_table *table, const Objects *objects, const ProductView *v)
{
        struct libscols_line *line = table_add(table);
        char count[24];
        int r;

        (void) snprintf(count, sizeof count, "%zu", count_instances(objects, v->id));
        r = table_set(line, 0, v->id, NULL);
        if (r == 0)
                r = table_set(line, 1, v->name, NULL);
        if (r == 0)
                r = table_set(line, 2, v->image, NULL);
        return r == 0 ? table_set(line, 3, count, NULL) : r;
}

static ExitCode list_table(Ctl *ctl, const Objects *objects)
{
        static const Column columns[] = {
                { "ID" },
                { "NAME", .shrink = true },
                { "IMAGE", .shrink = true },
                { "INSTANCES", .right = true },
        };
        _cleanup_table_ struct libscols_table *table = NULL;
        size_t n = objects->n_products;
        int r;

        pager_open(ctl);
        table = table_new(ctl, columns, ELEMENTSOF(columns));
        r = table ? 0 : -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = list_row(table, objects, objects->products + i);
        if (r < 0)
                return ctl_failed(r, "The list could not be printed");
        if (n == 0)
                return table_print(ctl, table, "No products. Add one with \"arkctl product set FILE\".");
        return table_print(ctl, table, "%zu product%s.", n, n == 1 ? "" : "s");
}

ExitCode verb_product_list(Ctl *ctl, char **arguments)
{
        _cleanup_(objects_done) Objects objects = { 0 };
        ExitCode e;

        e = objects_read(ctl, &objects);
        if (e != CTL_OK)
                return e;
        return ctl->json == JSON_OFF ? list_table(ctl, &objects) : list_json(ctl, &objects);
}

ExitCode verb_product_show(Ctl *ctl, char **arguments)
{
        _cleanup_free_ char *act = str_printf("show the product %s", arguments[0]), *json = NULL;
        _cleanup_free_ char *pretty = NULL;
        ExitCode e;

        e = act ? product_get_visible(ctl, act, arguments[0], &json)
                : ctl_failed(ENOMEM, "Cannot show the product");
        if (e != CTL_OK)
                return e;
        if (ctl->json == JSON_SHORT) {
                (void) puts(json);
                return CTL_OK;
        }
        pretty = product_pretty(json);
        if (!pretty)
                return ctl_failed(EBADMSG, "The product cannot be shown");
        pager_open(ctl);
        (void) fputs(pretty, stdout);
        return CTL_OK;
}

/* All of a stream, which may be a pipe. */
static int read_stream(FILE *stream, char **ret_text)
{
        _cleanup_free_ char *text = malloc(PRODUCT_BYTES_MAX + 2);
        size_t n;

        if (!text)
                return -ENOMEM;
        errno = 0;
        n = fread(text, 1, PRODUCT_BYTES_MAX + 1, stream);
        if (ferror(stream))
                return errno > 0 ? -errno : -EIO;
        if (n > PRODUCT_BYTES_MAX)
                return -EFBIG;
        text[n] = '\0';
        *ret_text = TAKE_PTR(text);
        return 0;
}

static int read_path(const char *path, char **ret_text)
{
        FILE *stream = fopen(path, "re");
        int r;

        if (!stream)
                return -errno;
        r = read_stream(stream, ret_text);
        (void) fclose(stream);
        return r;
}

static ExitCode set_file(Ctl *ctl, const char *file)
{
        _cleanup_free_ char *text = NULL, *id = NULL;
        bool standard = streq(file, "-");
        ExitCode e;
        int r;

        r = standard ? read_stream(stdin, &text) : read_path(file, &text);
        if (r == -EFBIG) {
                ctl_error("%s is larger than 64 KiB; a product is not. Icons are part of it: is this one "
                          "too large?",
                                file);
                return CTL_USAGE;
        }
        if (r < 0) {
                ctl_error("%s cannot be read: %s.", file, strerror(-r));
                return CTL_USAGE;
        }
        e = product_set(ctl, standard ? "standard input" : file, text, &id);
        if (e == CTL_OK)
                ctl_note(ctl, "Set the product %s.", id);
        return e;
}

ExitCode verb_product_set(Ctl *ctl, char **arguments)
{
        ExitCode result = CTL_OK;

        for (char **file = arguments; *file; file++) {
                ExitCode e = set_file(ctl, *file);

                result = e != CTL_OK ? e : result;
        }
        return result;
}

static ExitCode delete_one(Ctl *ctl, const char *id)
{
        _cleanup_free_ char *act = str_printf("delete the product %s", id);
        ExitCode e;

        e = act ? ctl_call_manager(ctl, act, "DeleteProduct", NULL, "s", id)
                : ctl_failed(ENOMEM, "Cannot delete the product");
        if (e == CTL_NOT_FOUND)
                resolve_suggest_product(ctl, id);
        else if (e == CTL_OK)
                ctl_note(ctl, "Deleted the product %s.", id);
        return e;
}

ExitCode verb_product_delete(Ctl *ctl, char **arguments)
{
        size_t n = strv_length(arguments);
        ExitCode e, result;

        e = n == 1 ? ask(ctl, "Delete the product %s?", arguments[0]) : ask(ctl, "Delete %zu products?", n);
        result = e;
        for (char **id = arguments; e == CTL_OK && *id; id++) {
                ExitCode one = delete_one(ctl, *id);

                result = one != CTL_OK ? one : result;
        }
        return result;
}
