/* SPDX-License-Identifier: MIT */
#include "core/product.h"

#include <errno.h>

#include "basic/json-util.h"

const char *prefix_mode_to_string(PrefixMode mode)
{
        return mode == PREFIX_KEEP ? "keep" : "strip";
}

bool product_id_is_valid(const char *id)
{
        size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");

        return n > 0 && n <= PRODUCT_ID_MAX && id[n] == '\0' && id[0] >= 'a';
}

Product *product_ref(Product *product)
{
        if (product)
                product->n_ref++;
        return product;
}

static void product_free(Product *product)
{
        for (size_t i = 0; i < product->n_credentials; i++) {
                json_object_put(product->credentials[i].label);
                free(product->credentials[i].value);
        }
        free(product->credentials);
        string_pairs_done(&product->env);
        strv_free(product->capabilities);
        json_object_put(product->json);
        free(product->id);
        free(product->image);
        free(product->health_path);
        free(product->database_image);
        free(product->database_path);
        free(product->user);
        free(product);
}

Product *product_unref(Product *product)
{
        if (product && --product->n_ref == 0)
                product_free(product);
        return NULL;
}

/* credentials are templates that name the instance's secrets: no more for visitors than env is. */
static bool is_secret(const char *field)
{
        return streq(field, "env") || streq(field, "credentials");
}

/* It is looked at, and nothing is made of it. */
static bool is_decoration(const char *field)
{
        return streq(field, "description") || streq(field, "icon");
}

static struct json_object *copy_without(const Product *product, bool (*is_left_out)(const char *field))
{
        _cleanup_json_ struct json_object *copy = json_object_new_object();

        if (!copy)
                return NULL;
        json_object_object_foreach (product->json, key, value) {
                if (is_left_out && is_left_out(key))
                        continue;
                if (json_share(copy, key, value) < 0)
                        return NULL;
        }
        return TAKE_PTR(copy);
}

struct json_object *product_to_json(const Product *product, bool with_env)
{
        return copy_without(product, with_env ? NULL : is_secret);
}

struct json_object *product_to_snapshot(const Product *product)
{
        return copy_without(product, is_decoration);
}
