/* SPDX-License-Identifier: MIT */
#include "core/model/product.h"

#include "basic/json-util.h"

const char *const product_base_env[] = { "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD",
        "DATABASE_URL", "ARK_INSTANCE_ID", "PUBLIC_URL", "BASE_PATH", NULL };

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
        strv_free(product->env_left_out);
        strv_free(product->capabilities);
        json_object_put(product->json);
        free(product->id);
        free(product->image);
        free(product->health_path);
        free(product->database_image);
        free(product->database_path);
        free(product->user);
        free(product->newer_field);
        free(product);
}

Product *product_unref(Product *product)
{
        if (product && --product->n_ref == 0)
                product_free(product);
        return NULL;
}
