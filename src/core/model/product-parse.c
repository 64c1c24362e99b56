/* SPDX-License-Identifier: MIT */
#include "core/model/product-parse.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"
#include "core/model/limits.h"
#include "core/model/product.h"

typedef struct ProductField {
        const char *name;
        int (*parse)(ProductParser *p, const char *field, struct json_object *value);
        bool required;
        bool nullable;
} ProductField;

static const ProductField product_fields[] = {
        { "id", product_parse_id, .required = true },
        { "name", product_parse_name, .required = true },
        { "description", product_parse_description },
        { "icon", product_parse_icon },
        { "image", product_parse_image, .required = true },
        { "port", product_parse_port },
        { "prefix", product_parse_prefix },
        { "health_path", product_parse_health_path },
        { "whole_bodies", product_parse_whole_bodies },
        { "database", product_parse_database, .nullable = true },
        { "env", product_parse_env },
        { "needs_database_first", product_parse_needs_database_first },
        { "credentials", product_parse_credentials },
        { "limits", product_parse_limits },
        { "expires_days", product_parse_expires_days, .nullable = true },
        { "deadline_s", product_parse_deadline },
        { "user", product_parse_user, .nullable = true },
        { "capabilities", product_parse_capabilities, .nullable = true },
        { "read_only", product_parse_read_only },
        { "init_process", product_parse_init_process },
        { "no_new_privileges", product_parse_no_new_privileges },
        { "shm_size", product_parse_shm_size, .nullable = true },
};

static int parse_fields(ProductParser *p, struct json_object *json)
{
        for (size_t i = 0; i < ELEMENTSOF(product_fields); i++) {
                const ProductField *f = product_fields + i;
                struct json_object *value;
                int r;

                if (!json_object_object_get_ex(json, f->name, &value)) {
                        if (f->required)
                                return product_parse_refuse(p, f->name, "it is missing");
                        continue;
                }
                r = !value && !f->nullable ? product_parse_refuse(p, f->name, "it must not be null")
                                           : f->parse(p, f->name, value);
                if (r == -EINVAL && !f->required)
                        r = product_parse_leave(p);
                if (r < 0)
                        return r;
        }
        return 0;
}

bool product_field_is_known(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(product_fields); i++)
                if (streq(name, product_fields[i].name))
                        return true;
        return false;
}

static int refuse_unknown_fields(ProductParser *p, struct json_object *json)
{
        json_object_object_foreach (json, name, value) {
                int r;

                (void) value;
                if (product_field_is_known(name))
                        continue;
                r = product_parse_pass_over(p, NULL, name);
                if (r == 0)
                        r = product_parse_refuse(p, name, "it is not a field of a product");
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_defaults(Product *product)
{
        int r;

        product->port = 80;
        product->needs_database_first = true;
        product->expires_usec = UINT64_MAX;
        product->deadline_usec = 180 * USEC_PER_SEC;
        product->app_limits = product->database_limits = RESOURCE_LIMITS_UNSET;
        r = free_and_strdup(&product->health_path, "/");
        if (r >= 0)
                r = free_and_strdup(&product->database_image, "docker.io/library/postgres:16");
        if (r >= 0)
                r = free_and_strdup(&product->database_path, "/var/lib/postgresql/data");
        return r;
}

/* Fields that were left out are shown with what they default to, so that a reader needs no second document. */
static int complete_json(Product *product)
{
        struct json_object *database, *json = product->json;
        int r = 0;

        if (!json_get(json, "port"))
                r = json_set_u64(json, "port", product->port);
        if (r >= 0 && !json_get(json, "prefix"))
                r = json_set_string(json, "prefix", prefix_mode_to_string(product->prefix));
        if (r >= 0 && !json_get(json, "health_path"))
                r = json_set_string(json, "health_path", product->health_path);
        if (r >= 0 && !json_get(json, "needs_database_first"))
                r = json_set_bool(json, "needs_database_first", product->needs_database_first);
        if (r >= 0 && !json_get(json, "deadline_s"))
                r = json_set_u64(json, "deadline_s", product->deadline_usec / USEC_PER_SEC);
        if (r < 0 || !product->database_image)
                return r;
        database = json_get(json, "database");
        if (product->newer_field && database && !json_object_is_type(database, json_type_object))
                return 0;
        if (!database) {
                database = json_object_new_object();
                r = json_set(json, "database", database);
        }
        if (r >= 0)
                r = json_set_string(database, "image", product->database_image);
        if (r >= 0)
                r = json_set_string(database, "data_path", product->database_path);
        return r;
}

static int product_new(
                struct json_object *json, bool stored, Product **ret, char **ret_field, char **ret_reason)
{
        _cleanup_(product_unrefp) Product *product = new0(Product, 1);
        ProductParser p = { .product = product, .stored = stored };
        int r;

        if (!product)
                return -ENOMEM;
        product->n_ref = 1;
        r = set_defaults(product);
        if (r < 0)
                return r;
        r = json_object_is_type(json, json_type_object)
                            ? refuse_unknown_fields(&p, json)
                            : product_parse_refuse(&p, "", "a product is a JSON object");
        if (r >= 0 && json_object_deep_copy(json, &product->json, NULL) < 0)
                r = -ENOMEM;
        if (r >= 0)
                r = parse_fields(&p, json);
        if (r >= 0 && !product->newer_field) /* else not all of it may be there */
                r = product_parse_check_templates(&p);
        if (r >= 0)
                r = complete_json(product);
        if (r < 0) {
                *ret_field = p.field;
                *ret_reason = p.reason;
                return r;
        }
        *ret = TAKE_PTR(product);
        return 0;
}

int product_new_from_json(struct json_object *json, Product **ret, char **ret_field, char **ret_reason)
{
        return product_new(json, false, ret, ret_field, ret_reason);
}

int product_new_from_record(struct json_object *record, Product **ret, char **ret_field, char **ret_reason)
{
        return product_new(record, true, ret, ret_field, ret_reason);
}
