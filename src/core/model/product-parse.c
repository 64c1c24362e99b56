/* SPDX-License-Identifier: MIT */
#include "core/product-parse.h"

#include <errno.h>

#include "basic/json-util.h"
#include "basic/time-util.h"

#define PIDS_DEFAULT 512

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
                if (r < 0)
                        return r;
        }
        return 0;
}

static int refuse_unknown_fields(ProductParser *p, struct json_object *json)
{
        json_object_object_foreach (json, name, value) {
                bool known = false;

                (void) value;
                for (size_t i = 0; i < ELEMENTSOF(product_fields) && !known; i++)
                        known = streq(name, product_fields[i].name);
                if (!known)
                        return product_parse_refuse(p, name, "it is not a field of a product");
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
        /* Processes are what one customer could take from all others with a single line of shell. */
        product->app_limits.pids = product->database_limits.pids = PIDS_DEFAULT;
        r = free_and_strdup(&product->health_path, "/");
        if (r >= 0)
                r = free_and_strdup(&product->database_image, "docker.io/library/postgres:16");
        if (r >= 0)
                r = free_and_strdup(&product->database_path, "/var/lib/postgresql/data");
        return r;
}

static int complete_limits(struct json_object *limits, const char *which, const ResourceLimits *l)
{
        struct json_object *part = json_get(limits, which);
        int r = 0;

        if (!part) {
                part = json_object_new_object();
                r = part ? json_set(limits, which, part) : -ENOMEM;
        }
        return r >= 0 ? json_set_u64(part, "pids", l->pids) : r;
}

static int complete_all_limits(Product *product)
{
        struct json_object *limits = json_get(product->json, "limits");
        int r = 0;

        if (!limits) {
                limits = json_object_new_object();
                r = limits ? json_set(product->json, "limits", limits) : -ENOMEM;
        }
        if (r >= 0)
                r = complete_limits(limits, "app", &product->app_limits);
        if (r >= 0 && product->database_image)
                r = complete_limits(limits, "database", &product->database_limits);
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
        if (r >= 0)
                r = complete_all_limits(product);
        if (r < 0 || !product->database_image)
                return r;
        database = json_object_new_object();
        if (!database)
                return -ENOMEM;
        r = json_set(json, "database", database);
        if (r >= 0)
                r = json_set_string(database, "image", product->database_image);
        if (r >= 0)
                r = json_set_string(database, "data_path", product->database_path);
        return r;
}

int product_new_from_json(struct json_object *json, Product **ret, char **ret_field, char **ret_reason)
{
        _cleanup_(product_unrefp) Product *product = new0(Product, 1);
        ProductParser p = { .product = product };
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
        if (r >= 0)
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
