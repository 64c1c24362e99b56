/* SPDX-License-Identifier: MIT */

/* The fields of a product that have fields of their own. */

#include <errno.h>
#include <math.h>

#include "basic/json-util.h"
#include "basic/parse.h"
#include "core/expand.h"
#include "core/product-parse.h"

#define ENV_MAX         256
#define CREDENTIALS_MAX 16

/* What templates may name; with a database, or without. */
static const char *check_variable(const char *name, void *userdata)
{
        static const char *const always[] = { "ARK_INSTANCE_ID", "CLIENT_NAME", "PUBLIC_URL", "BASE_PATH" };
        static const char *const database[] = { "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD",
                "DATABASE_URL" };
        const Product *product = userdata;

        for (size_t i = 0; i < ELEMENTSOF(always); i++)
                if (streq(name, always[i]))
                        return "";
        for (size_t i = 0; product->database_image && i < ELEMENTSOF(database); i++)
                if (streq(name, database[i]))
                        return "";
        return expand_secret_name(name) ? "" : NULL;
}

static int check_template(ProductParser *p, const char *field, const char *template)
{
        _cleanup_free_ char *ignored = NULL, *reason = NULL;
        int r;

        r = expand(template, check_variable, p->product, &ignored, &reason);
        return r == -EINVAL ? product_parse_refuse(p, field, "%s", reason) : r;
}

static bool env_name_is_valid(const char *s)
{
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

        return n > 0 && n <= 256 && s[n] == '\0' && !(s[0] >= '0' && s[0] <= '9');
}

int product_parse_env(ProductParser *p, const char *field, struct json_object *value)
{
        if (!json_object_is_type(value, json_type_object))
                return product_parse_refuse(p, field, "it must be an object of strings");
        if (json_object_object_length(value) > ENV_MAX)
                return product_parse_refuse(p, field, "it has more than %d variables", ENV_MAX);
        json_object_object_foreach (value, name, text) {
                _cleanup_free_ char *path = str_printf("env.%s", name);
                int r;

                if (!path)
                        return -ENOMEM;
                if (!env_name_is_valid(name))
                        return product_parse_refuse(p, field, "“%s” is not a name of a variable", name);
                if (!json_object_is_type(text, json_type_string) ||
                                json_object_get_string_len(text) > PRODUCT_TEXT_MAX ||
                                strlen(json_object_get_string(text)) !=
                                                (size_t) json_object_get_string_len(text))
                        return product_parse_refuse(p, path, "it must be a string of at most %d bytes",
                                        PRODUCT_TEXT_MAX);
                r = string_pairs_add(&p->product->env, name, json_object_get_string(text));
                if (r < 0)
                        return r;
        }
        return 0;
}

int product_parse_database(ProductParser *p, const char *field, struct json_object *value)
{
        Product *product = p->product;
        int r = 0;

        if (!value) { /* null: none */
                product->database_image = mfree(product->database_image);
                product->database_path = mfree(product->database_path);
                return 0;
        }
        if (!json_object_is_type(value, json_type_object))
                return product_parse_refuse(
                                p, field, "it must be an object with \"image\" and \"data_path\", or null");
        json_object_object_foreach (value, name, member) {
                if (streq(name, "image"))
                        r = product_parse_image_to(p, "database.image", member, &product->database_image);
                else if (streq(name, "data_path")) {
                        r = product_parse_string_to(
                                        p, "database.data_path", member, 512, &product->database_path);
                        if (r >= 0 && product->database_path[0] != '/')
                                r = product_parse_refuse(
                                                p, "database.data_path", "it must be an absolute path");
                } else
                        r = product_parse_refuse(p, field,
                                        "“%s” is not known; it may have image and data_path", name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_credential(ProductParser *p, struct json_object *item, ProductCredential *credential)
{
        int r = 0;

        if (!json_object_is_type(item, json_type_object))
                return product_parse_refuse(
                                p, "credentials", "each must be an object with \"label\" and \"value\"");
        json_object_object_foreach (item, name, member) {
                if (streq(name, "label")) {
                        r = product_parse_name(p, "credentials.label", member);
                        if (r >= 0 && !credential->label)
                                credential->label = json_object_get(member);
                } else if (streq(name, "value"))
                        r = product_parse_string_to(p, "credentials.value", member, PRODUCT_TEXT_MAX,
                                        &credential->value);
                else
                        r = product_parse_refuse(p, "credentials",
                                        "“%s” is not known; each has label and value", name);
                if (r < 0)
                        return r;
        }
        return credential->label && credential->value
                               ? 0
                               : product_parse_refuse(p, "credentials", "each needs a label and a value");
}

int product_parse_credentials(ProductParser *p, const char *field, struct json_object *value)
{
        Product *product = p->product;
        size_t n;

        if (!json_object_is_type(value, json_type_array))
                return product_parse_refuse(p, field, "it must be a list");
        n = json_object_array_length(value);
        if (n > CREDENTIALS_MAX)
                return product_parse_refuse(p, field, "it has more than %d entries", CREDENTIALS_MAX);
        product->credentials = new0(ProductCredential, n);
        if (!product->credentials)
                return -ENOMEM;
        product->n_credentials = n;
        for (size_t i = 0; i < n; i++) {
                int r = parse_credential(p, json_object_array_get_idx(value, i), product->credentials + i);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_memory(ProductParser *p, const char *field, struct json_object *value, uint64_t *target)
{
        int r = 0;

        if (json_object_is_type(value, json_type_string))
                r = strlen(json_object_get_string(value)) == (size_t) json_object_get_string_len(value)
                                    ? parse_size(json_object_get_string(value), target)
                                    : -EINVAL;
        else if (json_object_is_type(value, json_type_int) && json_object_get_int64(value) >= 0)
                *target = (uint64_t) json_object_get_int64(value);
        else
                r = -EINVAL;
        /* The engine itself refuses less than 6 MiB. */
        if (r < 0 || *target < 6 * 1024 * 1024 || *target > INT64_MAX)
                return product_parse_refuse(
                                p, field, "it must be bytes, or a size such as \"256M\", of at least 6M");
        return 0;
}

static int parse_cpus(ProductParser *p, const char *field, struct json_object *value, uint64_t *target)
{
        double cpus;

        if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
                return product_parse_refuse(p, field, "it must be a number");
        cpus = json_object_get_double(value);
        if (!(cpus >= 0.01 && cpus <= 1024))
                return product_parse_refuse(p, field, "it must be from 0.01 to 1024");
        *target = (uint64_t) llround(cpus * 1e9);
        return 0;
}

static int parse_limits_of(
                ProductParser *p, const char *which, struct json_object *value, ResourceLimits *limits)
{
        if (!json_object_is_type(value, json_type_object))
                return product_parse_refuse(
                                p, "limits", "%s must be an object with memory, cpus and pids", which);
        json_object_object_foreach (value, name, member) {
                _cleanup_free_ char *path = str_printf("limits.%s.%s", which, name);
                int r;

                if (!path)
                        return -ENOMEM;
                if (streq(name, "memory"))
                        r = parse_memory(p, path, member, &limits->memory);
                else if (streq(name, "cpus"))
                        r = parse_cpus(p, path, member, &limits->nano_cpus);
                else if (streq(name, "pids"))
                        r = product_parse_integer(p, path, member, 1, 4194304, &limits->pids);
                else
                        r = product_parse_refuse(
                                        p, path, "it is not known; limits are memory, cpus and pids");
                if (r < 0)
                        return r;
        }
        return 0;
}

int product_parse_limits(ProductParser *p, const char *field, struct json_object *value)
{
        if (!json_object_is_type(value, json_type_object))
                return product_parse_refuse(p, field, "it must be an object with \"app\" and \"database\"");
        json_object_object_foreach (value, name, member) {
                int r;

                if (streq(name, "app"))
                        r = parse_limits_of(p, "app", member, &p->product->app_limits);
                else if (streq(name, "database"))
                        r = parse_limits_of(p, "database", member, &p->product->database_limits);
                else
                        r = product_parse_refuse(
                                        p, field, "“%s” is not known; it may have app and database", name);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Templates are checked last: which variables there are depends on the database. */
int product_parse_check_templates(ProductParser *p)
{
        const Product *product = p->product;
        int r;

        for (size_t i = 0; i < product->env.n; i++) {
                _cleanup_free_ char *path = str_printf("env.%s", product->env.items[i].key);

                if (!path)
                        return -ENOMEM;
                r = check_template(p, path, product->env.items[i].value);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < product->n_credentials; i++) {
                r = check_template(p, "credentials.value", product->credentials[i].value);
                if (r < 0)
                        return r;
        }
        return 0;
}
