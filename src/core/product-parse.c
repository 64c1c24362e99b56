/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "basic/json-util.h"
#include "basic/parse.h"
#include "basic/time-util.h"
#include "basic/utf8.h"
#include "core/expand.h"
#include "core/product.h"

#define TEXT_MAX         4096
#define ICON_MAX         (32 * 1024)
#define ENV_MAX          256
#define CREDENTIALS_MAX  16
#define CAPABILITIES_MAX 64
#define DEADLINE_MAX_S   3600
#define EXPIRES_MAX_DAYS 36500

/* Where parsing stands: what it fills in, and on failure what was wrong. */
typedef struct Parser {
        Product *product;
        char *field;
        char *reason;
} Parser;

static int _printf_(3, 4) refuse(Parser *p, const char *field, const char *format, ...)
{
        va_list ap;
        int r;

        p->field = strdup(field);
        va_start(ap, format);
        r = vasprintf(&p->reason, format, ap);
        va_end(ap);
        if (r < 0)
                p->reason = NULL;
        return p->field && p->reason ? -EINVAL : -ENOMEM;
}

/* A string member without embedded NUL, of 1 to max bytes. */
static int parse_string(
                Parser *p, const char *field, struct json_object *value, size_t max, const char **ret)
{
        const char *s;
        size_t n;

        if (!json_object_is_type(value, json_type_string))
                return refuse(p, field, "it must be a string");
        s = json_object_get_string(value);
        n = (size_t) json_object_get_string_len(value);
        if (n == 0)
                return refuse(p, field, "it must not be empty");
        if (n > max)
                return refuse(p, field, "it is longer than %zu bytes", max);
        if (strlen(s) != n)
                return refuse(p, field, "it contains a NUL character");
        *ret = s;
        return 0;
}

static int parse_string_to(
                Parser *p, const char *field, struct json_object *value, size_t max, char **target)
{
        const char *s;
        int r;

        r = parse_string(p, field, value, max, &s);
        return r < 0 ? r : free_and_strdup(target, s);
}

static int parse_phrase(Parser *p, const char *field, struct json_object *value, bool one_line)
{
        const char *s;
        size_t n;
        int r;

        r = parse_string(p, field, value, TEXT_MAX, &s);
        if (r >= 0 && one_line && utf8_count_printable(s, &n) < 0)
                r = refuse(p, field, "it must be printable characters on one line");
        return r;
}

/* A string, or {"es": …, "en": …}. */
static int parse_phrases(Parser *p, const char *field, struct json_object *value, bool one_line)
{
        int r;

        if (!json_object_is_type(value, json_type_object)) {
                if (!json_object_is_type(value, json_type_string))
                        return refuse(p, field, "it must be a string or an object with \"es\" and \"en\"");
                return parse_phrase(p, field, value, one_line);
        }
        if (json_object_object_length(value) == 0)
                return refuse(p, field, "it must have \"es\" or \"en\"");
        json_object_object_foreach (value, language, text) {
                if (!streq(language, "es") && !streq(language, "en"))
                        return refuse(p, field, "it may have \"es\" and \"en\" only");
                r = parse_phrase(p, field, text, one_line);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_name(Parser *p, const char *field, struct json_object *value)
{
        return parse_phrases(p, field, value, true);
}

static int parse_description(Parser *p, const char *field, struct json_object *value)
{
        return parse_phrases(p, field, value, false);
}

/* A whole number of at least min and at most max. */
static int parse_integer(Parser *p, const char *field, struct json_object *value, uint64_t min, uint64_t max,
                uint64_t *ret)
{
        int64_t n;

        if (!json_object_is_type(value, json_type_int))
                return refuse(p, field, "it must be a whole number");
        n = json_object_get_int64(value);
        if (n < 0 || (uint64_t) n < min || (uint64_t) n > max)
                return refuse(p, field, "it must be from %llu to %llu", (unsigned long long) min,
                                (unsigned long long) max);
        *ret = (uint64_t) n;
        return 0;
}

static int parse_bool_to(Parser *p, const char *field, struct json_object *value, bool *target)
{
        if (!json_object_is_type(value, json_type_boolean))
                return refuse(p, field, "it must be true or false");
        *target = json_object_get_boolean(value);
        return 0;
}

static int parse_id(Parser *p, const char *field, struct json_object *value)
{
        int r;

        r = parse_string_to(p, field, value, TEXT_MAX, &p->product->id);
        if (r < 0)
                return r;
        if (!product_id_is_valid(p->product->id))
                return refuse(p, field,
                                "it must start with a letter a-z and have at most %d letters a-z, digits "
                                "and hyphens",
                                PRODUCT_ID_MAX);
        return 0;
}

static int parse_icon(Parser *p, const char *field, struct json_object *value)
{
        const char *s;
        int r;

        r = parse_string(p, field, value, ICON_MAX, &s);
        if (r < 0)
                return r;
        if (!startswith(s, "data:image/svg+xml") && !startswith(s, "data:image/png") &&
                        !startswith(s, "https://"))
                return refuse(p, field, "it must be an SVG or PNG data URI or an https URL");
        return 0;
}

static int parse_image_to(Parser *p, const char *field, struct json_object *value, char **target)
{
        int r;

        r = parse_string_to(p, field, value, 512, target);
        if (r < 0)
                return r;
        if (strspn(*target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@") !=
                                        strlen(*target) ||
                        !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                                        (*target)[0]) ||
                        strstr(*target, "//") || strstr(*target, ".."))
                return refuse(p, field,
                                "it must be an image reference such as docker.io/library/postgres:16");
        return 0;
}

static int parse_image(Parser *p, const char *field, struct json_object *value)
{
        return parse_image_to(p, field, value, &p->product->image);
}

static int parse_port(Parser *p, const char *field, struct json_object *value)
{
        uint64_t port = 0;
        int r;

        r = parse_integer(p, field, value, 1, UINT16_MAX, &port);
        if (r < 0)
                return r;
        p->product->port = (uint16_t) port;
        return 0;
}

static int parse_prefix(Parser *p, const char *field, struct json_object *value)
{
        const char *s;
        int r;

        r = parse_string(p, field, value, TEXT_MAX, &s);
        if (r < 0)
                return r;
        if (!streq(s, "strip") && !streq(s, "keep"))
                return refuse(p, field, "it must be \"strip\" or \"keep\"");
        p->product->prefix = streq(s, "keep") ? PREFIX_KEEP : PREFIX_STRIP;
        return 0;
}

/* Characters that a request line may hold as they are (RFC 3986 pchar, "/" and "?"). */
static bool path_is_valid(const char *s)
{
        return s[0] == '/' && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
                                          "~!$&'()*+,;=:@%/?")] == '\0';
}

static int parse_health_path(Parser *p, const char *field, struct json_object *value)
{
        int r;

        r = parse_string_to(p, field, value, 512, &p->product->health_path);
        if (r < 0)
                return r;
        if (!path_is_valid(p->product->health_path))
                return refuse(p, field, "it must be a path that starts with a slash");
        return 0;
}

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

static int check_template(Parser *p, const char *field, const char *template)
{
        _cleanup_free_ char *ignored = NULL, *reason = NULL;
        int r;

        r = expand(template, check_variable, p->product, &ignored, &reason);
        return r == -EINVAL ? refuse(p, field, "%s", reason) : r;
}

static bool env_name_is_valid(const char *s)
{
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

        return n > 0 && n <= 256 && s[n] == '\0' && !(s[0] >= '0' && s[0] <= '9');
}

static int parse_env(Parser *p, const char *field, struct json_object *value)
{
        if (!json_object_is_type(value, json_type_object))
                return refuse(p, field, "it must be an object of strings");
        if (json_object_object_length(value) > ENV_MAX)
                return refuse(p, field, "it has more than %d variables", ENV_MAX);
        json_object_object_foreach (value, name, text) {
                _cleanup_free_ char *path = str_printf("env.%s", name);
                int r;

                if (!path)
                        return -ENOMEM;
                if (!env_name_is_valid(name))
                        return refuse(p, field, "“%s” is not a name of a variable", name);
                if (!json_object_is_type(text, json_type_string) ||
                                json_object_get_string_len(text) > TEXT_MAX ||
                                strlen(json_object_get_string(text)) !=
                                                (size_t) json_object_get_string_len(text))
                        return refuse(p, path, "it must be a string of at most %d bytes", TEXT_MAX);
                r = string_pairs_add(&p->product->env, name, json_object_get_string(text));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_database(Parser *p, const char *field, struct json_object *value)
{
        Product *product = p->product;
        int r = 0;

        if (!value) { /* null: none */
                product->database_image = mfree(product->database_image);
                product->database_path = mfree(product->database_path);
                return 0;
        }
        if (!json_object_is_type(value, json_type_object))
                return refuse(p, field, "it must be an object with \"image\" and \"data_path\", or null");
        json_object_object_foreach (value, name, member) {
                if (streq(name, "image"))
                        r = parse_image_to(p, "database.image", member, &product->database_image);
                else if (streq(name, "data_path")) {
                        r = parse_string_to(p, "database.data_path", member, 512, &product->database_path);
                        if (r >= 0 && product->database_path[0] != '/')
                                r = refuse(p, "database.data_path", "it must be an absolute path");
                } else
                        r = refuse(p, field, "“%s” is not known; it may have image and data_path", name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_needs_database_first(Parser *p, const char *field, struct json_object *value)
{
        return parse_bool_to(p, field, value, &p->product->needs_database_first);
}

static int parse_credential(Parser *p, struct json_object *item, ProductCredential *credential)
{
        int r = 0;

        if (!json_object_is_type(item, json_type_object))
                return refuse(p, "credentials", "each must be an object with \"label\" and \"value\"");
        json_object_object_foreach (item, name, member) {
                if (streq(name, "label")) {
                        r = parse_name(p, "credentials.label", member);
                        if (r >= 0 && !credential->label)
                                credential->label = json_object_get(member);
                } else if (streq(name, "value"))
                        r = parse_string_to(p, "credentials.value", member, TEXT_MAX, &credential->value);
                else
                        r = refuse(p, "credentials", "“%s” is not known; each has label and value", name);
                if (r < 0)
                        return r;
        }
        return credential->label && credential->value
                               ? 0
                               : refuse(p, "credentials", "each needs a label and a value");
}

static int parse_credentials(Parser *p, const char *field, struct json_object *value)
{
        Product *product = p->product;
        size_t n;

        if (!json_object_is_type(value, json_type_array))
                return refuse(p, field, "it must be a list");
        n = json_object_array_length(value);
        if (n > CREDENTIALS_MAX)
                return refuse(p, field, "it has more than %d entries", CREDENTIALS_MAX);
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

static int parse_memory(Parser *p, const char *field, struct json_object *value, uint64_t *target)
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
                return refuse(p, field, "it must be bytes, or a size such as \"256M\", of at least 6M");
        return 0;
}

static int parse_cpus(Parser *p, const char *field, struct json_object *value, uint64_t *target)
{
        double cpus;

        if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
                return refuse(p, field, "it must be a number");
        cpus = json_object_get_double(value);
        if (!(cpus >= 0.01 && cpus <= 1024))
                return refuse(p, field, "it must be from 0.01 to 1024");
        *target = (uint64_t) llround(cpus * 1e9);
        return 0;
}

static int parse_limits_of(Parser *p, const char *which, struct json_object *value, ResourceLimits *limits)
{
        if (!json_object_is_type(value, json_type_object))
                return refuse(p, "limits", "%s must be an object with memory, cpus and pids", which);
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
                        r = parse_integer(p, path, member, 1, 4194304, &limits->pids);
                else
                        r = refuse(p, path, "it is not known; limits are memory, cpus and pids");
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_limits(Parser *p, const char *field, struct json_object *value)
{
        if (!json_object_is_type(value, json_type_object))
                return refuse(p, field, "it must be an object with \"app\" and \"database\"");
        json_object_object_foreach (value, name, member) {
                int r;

                if (streq(name, "app"))
                        r = parse_limits_of(p, "app", member, &p->product->app_limits);
                else if (streq(name, "database"))
                        r = parse_limits_of(p, "database", member, &p->product->database_limits);
                else
                        r = refuse(p, field, "“%s” is not known; it may have app and database", name);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_expires_days(Parser *p, const char *field, struct json_object *value)
{
        uint64_t days = 0;
        int r;

        if (!value)
                return 0;
        r = parse_integer(p, field, value, 0, EXPIRES_MAX_DAYS, &days);
        if (r < 0)
                return r;
        p->product->expires_usec = days * USEC_PER_DAY;
        return 0;
}

static int parse_deadline(Parser *p, const char *field, struct json_object *value)
{
        uint64_t s = 0;
        int r;

        r = parse_integer(p, field, value, 1, DEADLINE_MAX_S, &s);
        if (r < 0)
                return r;
        p->product->deadline_usec = s * USEC_PER_SEC;
        return 0;
}

static int parse_user(Parser *p, const char *field, struct json_object *value)
{
        int r;

        if (!value)
                return 0;
        if (json_object_is_type(value, json_type_int)) {
                uint64_t uid;

                r = parse_integer(p, field, value, 0, UINT32_MAX - 1, &uid);
                if (r < 0)
                        return r;
                p->product->user = str_printf("%llu", (unsigned long long) uid);
                return p->product->user ? 0 : -ENOMEM;
        }
        r = parse_string_to(p, field, value, 64, &p->product->user);
        if (r < 0)
                return r;
        if (strspn(p->product->user, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:") !=
                        strlen(p->product->user))
                return refuse(p, field, "it must be a user, or user:group, by name or number");
        return 0;
}

static int parse_capabilities(Parser *p, const char *field, struct json_object *value)
{
        _cleanup_(strv_freep) char **list = new0(char *, 1);
        size_t n;

        if (!list)
                return -ENOMEM;
        if (!value)
                return 0;
        if (!json_object_is_type(value, json_type_array))
                return refuse(p, field, "it must be a list of names such as \"NET_BIND_SERVICE\"");
        n = json_object_array_length(value);
        if (n > CAPABILITIES_MAX)
                return refuse(p, field, "it has more than %d entries", CAPABILITIES_MAX);
        for (size_t i = 0; i < n; i++) {
                const char *s = NULL;
                int r;

                r = parse_string(p, field, json_object_array_get_idx(value, i), 64, &s);
                if (r < 0)
                        return r;
                if (strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != strlen(s) || startswith(s, "CAP_") ||
                                streq(s, "ALL"))
                        return refuse(p, field, "“%s” is not a name such as \"NET_BIND_SERVICE\"", s);
                r = strv_extend(&list, s);
                if (r < 0)
                        return r;
        }
        strv_free(p->product->capabilities);
        p->product->capabilities = TAKE_PTR(list);
        return 0;
}

static int parse_read_only(Parser *p, const char *field, struct json_object *value)
{
        return parse_bool_to(p, field, value, &p->product->read_only);
}

typedef struct ProductField {
        const char *name;
        int (*parse)(Parser *p, const char *field, struct json_object *value);
        bool required;
        bool nullable;
} ProductField;

static const ProductField product_fields[] = {
        { "id", parse_id, .required = true },
        { "name", parse_name, .required = true },
        { "description", parse_description },
        { "icon", parse_icon },
        { "image", parse_image, .required = true },
        { "port", parse_port },
        { "prefix", parse_prefix },
        { "health_path", parse_health_path },
        { "database", parse_database, .nullable = true },
        { "env", parse_env },
        { "needs_database_first", parse_needs_database_first },
        { "credentials", parse_credentials },
        { "limits", parse_limits },
        { "expires_days", parse_expires_days, .nullable = true },
        { "deadline_s", parse_deadline },
        { "user", parse_user, .nullable = true },
        { "capabilities", parse_capabilities, .nullable = true },
        { "read_only", parse_read_only },
};

static int parse_fields(Parser *p, struct json_object *json)
{
        for (size_t i = 0; i < ELEMENTSOF(product_fields); i++) {
                const ProductField *f = product_fields + i;
                struct json_object *value;
                int r;

                if (!json_object_object_get_ex(json, f->name, &value)) {
                        if (f->required)
                                return refuse(p, f->name, "it is missing");
                        continue;
                }
                r = !value && !f->nullable ? refuse(p, f->name, "it must not be null")
                                           : f->parse(p, f->name, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int refuse_unknown_fields(Parser *p, struct json_object *json)
{
        json_object_object_foreach (json, name, value) {
                bool known = false;

                (void) value;
                for (size_t i = 0; i < ELEMENTSOF(product_fields) && !known; i++)
                        known = streq(name, product_fields[i].name);
                if (!known)
                        return refuse(p, name, "it is not a field of a product");
        }
        return 0;
}

/* Templates are checked last: which variables there are depends on the database. */
static int check_templates(Parser *p)
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

static int set_defaults(Product *product)
{
        int r;

        product->port = 80;
        product->needs_database_first = true;
        product->expires_usec = UINT64_MAX;
        product->deadline_usec = 180 * USEC_PER_SEC;
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
        Parser p = { .product = product };
        int r;

        if (!product)
                return -ENOMEM;
        product->n_ref = 1;
        r = set_defaults(product);
        if (r < 0)
                return r;
        r = json_object_is_type(json, json_type_object) ? refuse_unknown_fields(&p, json)
                                                        : refuse(&p, "", "a product is a JSON object");
        if (r >= 0 && json_object_deep_copy(json, &product->json, NULL) < 0)
                r = -ENOMEM;
        if (r >= 0)
                r = parse_fields(&p, json);
        if (r >= 0)
                r = check_templates(&p);
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
