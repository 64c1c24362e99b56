/* SPDX-License-Identifier: MIT */

/* A product's document, as a whole or in part. */

#include "basic/json-util.h"
#include "core/model/product-parse.h"
#include "core/model/product.h"

/* credentials are templates that name the instance's secrets: no more for visitors than env is. A field that this version
 * does not know may be anything. */
static bool is_secret(const char *field)
{
        return streq(field, "env") || streq(field, "credentials") || !product_field_is_known(field);
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
