/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-c/json.h>
#include <stdint.h>

#include "core/ports.h"

#define PRODUCT_ID_MAX    40
#define PRODUCT_USER_AUTO "auto"
/* Nothing expires later than after a hundred years, unless never. */
#define EXPIRES_MAX_DAYS 36500

typedef enum PrefixMode {
        PREFIX_STRIP, /* the application sees its own root */
        PREFIX_KEEP, /* the application serves below BASE_PATH */
} PrefixMode;

const char *prefix_mode_to_string(PrefixMode mode);

/* {"label", "value"} templates given to the customer; the label may be {"es", "en"}. */
typedef struct ProductCredential {
        struct json_object *label;
        char *value;
} ProductCredential;

/*
 * What can be deployed. Immutable once made: an instance's job keeps a reference to the one it started with,
 * and a changed product is a new object.
 */
typedef struct Product {
        unsigned n_ref;
        char *id;
        struct json_object *json; /* as stored, every field in it */
        char *image;
        uint16_t port;
        PrefixMode prefix;
        char *health_path;
        StringPairs env;
        char **env_left_out; /* names that are set in any case, but for this product */
        char *database_image; /* NULL: no database */
        char *database_path;
        bool needs_database_first;
        bool whole_bodies; /* it reads no body that comes in chunks */
        ProductCredential *credentials;
        size_t n_credentials;
        ResourceLimits app_limits, database_limits; /* LIMIT_UNSET: the host's default */
        uint64_t expires_usec; /* age; 0: never; UINT64_MAX: the host's */
        uint64_t deadline_usec;
        char *user; /* PRODUCT_USER_AUTO: an id of its own for each instance */
        char **capabilities; /* NULL: core's default set */
        bool read_only;
        bool own_init; /* the image has a process 1 of its own */
        bool new_privileges; /* its processes may gain some */
        uint64_t shm_size; /* bytes; 0: the engine's */
        char *newer_field; /* one that this version does not understand, by its path; NULL: none */
} Product;

/* Parses and checks a product document. On -EINVAL, ret_field (a path such as "limits.app.memory") and ret_reason
 * tell what is wrong; both are the caller's to free. */
int product_new_from_json(struct json_object *json, Product **ret, char **ret_field, char **ret_reason);
/* The same for one that was stored, maybe by a newer version: fields that this one does not know, or whose values it does
 * not understand, stay in its document, and newer_field names the first of them. */
int product_new_from_record(struct json_object *record, Product **ret, char **ret_field, char **ret_reason);
/* NULL is accepted and answered. */
Product *product_ref(Product *product);
Product *product_unref(Product *product);
DEFINE_CLEANUP_FUNC(Product, product_unref);

/* The names of variables that applications have in any case; NULL-terminated. */
extern const char *const product_base_env[];

/* True for [a-z][a-z0-9-]{0,39}. */
bool product_id_is_valid(const char *id);

/* The document, less what is only looked at: what an instance is made of, and stays. A new object, or NULL when out of
 * memory. */
struct json_object *product_to_snapshot(const Product *product);

/* The document for display: with_env false leaves out env, and what this version does not know. A new object, or NULL when out of memory. */
struct json_object *product_to_json(const Product *product, bool with_env);
