/* SPDX-License-Identifier: MIT */
#pragma once

#include "core/model/product.h"

/* Parsing a product's document: what its parts share. */

#define PRODUCT_TEXT_MAX 4096

/* Where parsing stands: what it fills in, and on failure what was wrong. */
typedef struct ProductParser {
        Product *product;
        char *field;
        char *reason;
        bool stored; /* a newer version may have written it */
} ProductParser;

/* Notes what is wrong with a field. Answers -EINVAL, or -ENOMEM. */
int product_parse_refuse(ProductParser *p, const char *field, const char *format, ...) _printf_(3, 4);

/* Passes over a field that this version does not know, where a newer one may have stored it; parent may be NULL. Answers
 * 1, 0 where the field is to be refused, or -ENOMEM. */
int product_parse_pass_over(ProductParser *p, const char *parent, const char *name);
/* Takes a refusal back where a newer version may have stored what was refused. Answers 0, -EINVAL where it stands, or
 * -ENOMEM. */
int product_parse_leave(ProductParser *p);
bool product_field_is_known(const char *name);

/* Each of these refuses what it is not asked for. A string: a member without embedded NUL, of 1 to max bytes. */
int product_parse_string_to(
                ProductParser *p, const char *field, struct json_object *value, size_t max, char **target);
int product_parse_integer(ProductParser *p, const char *field, struct json_object *value, uint64_t min,
                uint64_t max, uint64_t *ret);
int product_parse_image_to(ProductParser *p, const char *field, struct json_object *value, char **target);

/* One for each field. */
int product_parse_name(ProductParser *p, const char *field, struct json_object *value);
int product_parse_description(ProductParser *p, const char *field, struct json_object *value);
int product_parse_id(ProductParser *p, const char *field, struct json_object *value);
int product_parse_icon(ProductParser *p, const char *field, struct json_object *value);
int product_parse_image(ProductParser *p, const char *field, struct json_object *value);
int product_parse_port(ProductParser *p, const char *field, struct json_object *value);
int product_parse_prefix(ProductParser *p, const char *field, struct json_object *value);
int product_parse_health_path(ProductParser *p, const char *field, struct json_object *value);
int product_parse_needs_database_first(ProductParser *p, const char *field, struct json_object *value);
int product_parse_whole_bodies(ProductParser *p, const char *field, struct json_object *value);
int product_parse_expires_days(ProductParser *p, const char *field, struct json_object *value);
int product_parse_deadline(ProductParser *p, const char *field, struct json_object *value);
int product_parse_user(ProductParser *p, const char *field, struct json_object *value);
int product_parse_capabilities(ProductParser *p, const char *field, struct json_object *value);
int product_parse_read_only(ProductParser *p, const char *field, struct json_object *value);
int product_parse_init_process(ProductParser *p, const char *field, struct json_object *value);
int product_parse_no_new_privileges(ProductParser *p, const char *field, struct json_object *value);
int product_parse_shm_size(ProductParser *p, const char *field, struct json_object *value);
int product_parse_env(ProductParser *p, const char *field, struct json_object *value);
int product_parse_database(ProductParser *p, const char *field, struct json_object *value);
int product_parse_credentials(ProductParser *p, const char *field, struct json_object *value);
int product_parse_limits(ProductParser *p, const char *field, struct json_object *value);

/* What env and credentials name must be there. Once all is parsed: which names there are depends on the database. */
int product_parse_check_templates(ProductParser *p);
