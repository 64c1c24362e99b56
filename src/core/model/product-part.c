/* SPDX-License-Identifier: MIT */

/* The fields of a product that have fields of their own. */

#include <errno.h>
#include <math.h>

#include "basic/json-util.h"
#include "basic/parse.h"
#include "core/model/expand.h"
#include "core/model/limits.h"
#include "core/model/product-parse.h"
#include "core/model/product.h"
#include "core/ports.h"

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
        if (r == -EINVAL && product_parse_pass_over(p, NULL, field) > 0)
                return 0;
        return r == -EINVAL ? product_parse_refuse(p, field, "%s", reason) : r;
}

static bool env_name_is_valid(const char *s)
{
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

        return n > 0 && n <= 256 && s[n] == '\0' && !(s[0] >= '0' && s[0] <= '9');
}

/* null. What the image sets is the image's. */
static int leave_out(ProductParser *p, const char *path, const char *name)
{
        if (!strv_contains((char *const *) product_base_env, name))
                return product_parse_refuse(p, path,
                                "it must be a string; null leaves out what is set in any case, such as "
                                "DATABASE_URL");
        return strv_extend(&p->product->env_left_out, name);
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
                if (!text) {
                        r = leave_out(p, path, name);
                        if (r < 0)
                                return r;
                        continue;
                }
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
                } else {
                        r = product_parse_pass_over(p, field, name);
                        if (r == 0)
                                r = product_parse_refuse(p, field,
                                                "“%s” is not known; it may have image and data_path", name);
                }
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
                else {
                        r = product_parse_pass_over(p, "credentials", name);
                        if (r == 0)
                                r = product_parse_refuse(p, "credentials",
                                                "“%s” is not known; each has label and value", name);
                }
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
                return product_parse_refuse(p, field, "it must be a size of at least 6M: " SIZE_FORMS);
        return 0;
}

int product_parse_shm_size(ProductParser *p, const char *field, struct json_object *value)
{
        return value ? parse_memory(p, field, value, &p->product->shm_size) : 0;
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

static int parse_pids(ProductParser *p, const char *field, struct json_object *value, uint64_t *target)
{
        return product_parse_integer(p, field, value, 1, PIDS_MAX, target);
}

static int parse_files(ProductParser *p, const char *field, struct json_object *value, uint64_t *target)
{
        return product_parse_integer(p, field, value, FILES_MIN, FILES_MAX, target);
}

/* null and 0 are no limit, which is another thing than a limit that is left out. */
static int parse_limit(ProductParser *p, const char *path, const char *name, struct json_object *value,
                ResourceLimits *limits)
{
        uint64_t *target;
        int (*parse)(ProductParser * p, const char *field, struct json_object *value, uint64_t *target);

        if (streq(name, "memory")) {
                target = &limits->memory;
                parse = parse_memory;
        } else if (streq(name, "cpus")) {
                target = &limits->nano_cpus;
                parse = parse_cpus;
        } else if (streq(name, "pids")) {
                target = &limits->pids;
                parse = parse_pids;
        } else if (streq(name, "files")) {
                target = &limits->files;
                parse = parse_files;
        } else {
                int r = product_parse_pass_over(p, NULL, path);

                return r != 0 ? r
                              : product_parse_refuse(p, path,
                                                "it is not known; limits are memory, cpus, pids and files");
        }
        if (!value || (json_object_is_type(value, json_type_int) && json_object_get_int64(value) == 0)) {
                *target = 0;
                return 0;
        }
        return parse(p, path, value, target);
}

static int parse_limits_of(
                ProductParser *p, const char *which, struct json_object *value, ResourceLimits *limits)
{
        if (!json_object_is_type(value, json_type_object))
                return product_parse_refuse(p, "limits",
                                "%s must be an object with memory, cpus, pids and files", which);
        json_object_object_foreach (value, name, member) {
                _cleanup_free_ char *path = str_printf("limits.%s.%s", which, name);
                int r;

                if (!path)
                        return -ENOMEM;
                r = parse_limit(p, path, name, member, limits);
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
                else {
                        r = product_parse_pass_over(p, field, name);
                        if (r == 0)
                                r = product_parse_refuse(p, field,
                                                "“%s” is not known; it may have app and database", name);
                }
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
